"""Sends what is due: endpoints in hand, requests under way, outcomes recorded."""
