"""Experiments: registered designs, assignment, analysis at every look, and what to do next."""
