"""Use cases: the only place where stages and edges meet."""
