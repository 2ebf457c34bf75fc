"""The parts of tuning: what may be seen, and the search over it."""
