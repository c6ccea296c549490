"""Calls somebody else's machine, and no other than was meant."""
