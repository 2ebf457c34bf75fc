"""Pages for reps, account executives and leaders: server-rendered, work without JavaScript."""
