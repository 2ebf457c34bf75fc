"""RawLead to Lead: schema, normalisation, mapping files and readers."""
