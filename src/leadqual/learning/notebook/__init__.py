"""Tables of leads and labels for `LeadQualifier`."""
