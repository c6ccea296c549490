"""What decides: who gets an alert, when it is tried again, how it is signed. No I/O, no clock."""
