"""Runs a candidate's monitoring rules against the recorded decisions; can be stopped at any time and goes on."""
