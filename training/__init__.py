"""Training scripts: parse, call a service, print."""
