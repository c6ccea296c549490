"""DCSA Track & Trace 2.2 as trade events; see docs/ingest/dcsa.md."""
