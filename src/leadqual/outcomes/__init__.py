"""What happened to leads: events, histories and labels."""
