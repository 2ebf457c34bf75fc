"""Schema revisions, run by `store.schema.upgrade_schema`."""
