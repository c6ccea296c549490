"""The three services; they share events and nothing else."""
