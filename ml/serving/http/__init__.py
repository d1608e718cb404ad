"""The predictions over HTTP: published rows, given features, models, probes and metrics."""
