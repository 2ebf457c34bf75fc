"""The leadqual command."""
