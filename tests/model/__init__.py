"""The licensing engine against a second reading of its rules."""
