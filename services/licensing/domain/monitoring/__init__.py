"""Monitoring rules as data: conditions in CEL, checked when written, translated once, evaluated for each shipment."""
