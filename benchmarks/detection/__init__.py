"""Detection's benchmark: how soon a change is told, beside two usual rules, at a stated rate of false changes."""
