"""Pages about the models and the decisions, made from the published tables alone."""
