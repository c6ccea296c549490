"""Benchmarks: what the parts do beside a naive way and beside the floor, on the real Kafka and PostgreSQL."""
