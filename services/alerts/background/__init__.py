"""Loops that run beside delivery, each with a job of its own."""
