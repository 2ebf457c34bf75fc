"""What a judged prediction is looked at for: levels, parts, drift, influence, coverage."""
