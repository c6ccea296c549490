"""Recovers a hundred thousand alerts of one endpoint beside the first attempts of others."""
