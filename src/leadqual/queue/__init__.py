"""Decision to QueueItem to hand-off: states, leases and what an item shows."""
