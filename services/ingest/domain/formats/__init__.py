"""Foreign messages as trade events: a folder for each format, each a pure function with its table in docs."""
