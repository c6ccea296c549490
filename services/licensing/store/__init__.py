"""Licensing's tables: migrations, loading a batch's working set, writing what was decided, reading for people."""
