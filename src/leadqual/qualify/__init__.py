"""Feature matrix to LeadScore: the scoring core, reasons and the model bundle."""
