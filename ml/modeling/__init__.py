"""Trains, judges, applies and replays the models; a change here is a new model version."""
