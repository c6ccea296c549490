"""Licensing's benchmark: one worker from topic to database, beside a naive consumer and beside the floor."""
