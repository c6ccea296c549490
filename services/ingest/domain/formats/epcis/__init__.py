"""GS1 EPCIS 2.0 capture in JSON (ISO/IEC 19987:2024) as trade events; see docs/ingest/epcis.md."""
