"""What predicts: our learners, and what else one could use."""
