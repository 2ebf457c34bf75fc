"""Model bundles on disk and MLflow: the only package that knows MLflow."""
