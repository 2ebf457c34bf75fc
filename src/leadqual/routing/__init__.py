"""LeadScore to Decision: the written standard, queues, rank and urgency."""
