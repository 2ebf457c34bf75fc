"""A simulated B2B funnel with known truth."""
