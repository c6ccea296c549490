"""Spreadsheets of shipments as trade events, by a stored mapping of their columns."""
