"""Lead snapshots to a feature matrix: one path for training and serving."""
