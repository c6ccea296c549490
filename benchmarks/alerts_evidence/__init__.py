"""What it costs to chain attempts as evidence."""
