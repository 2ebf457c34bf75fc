"""Open lead scoring and qualification."""
