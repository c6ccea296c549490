"""Licences and their usage as the United Kingdom's licensing and customs services exchange them, as trade events.

The shapes are those of uktrade/lite-hmrc and uktrade/lite-api, and what a reader without books needs beside them; see
docs/ingest/licence-usage.md.
"""
