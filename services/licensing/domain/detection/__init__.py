"""Tells from clearances alone whether a lane stopped, slumped or flows again, at a stated rate of false changes."""
