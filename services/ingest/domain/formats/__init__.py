"""Foreign messages as trade events: a folder for each format, every one a pure function with its mapping table in docs."""
