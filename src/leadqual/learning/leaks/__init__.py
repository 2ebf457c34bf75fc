"""Detectors of columns that know the outcome, one kind of trace each."""
