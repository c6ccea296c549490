"""Conditions in CEL, the Common Expression Language: read, checked against declared facts, bounded, and translated."""
