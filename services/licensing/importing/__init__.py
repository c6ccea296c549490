"""Reads registers of licences and works out what importing them would change; nothing here does I/O."""
