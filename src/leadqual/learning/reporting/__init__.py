"""An evaluation as one HTML page: its sections, tables and charts."""
