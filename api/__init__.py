"""The HTTP shell: parse, call a service, answer."""
