"""What several tests build their cases from."""
