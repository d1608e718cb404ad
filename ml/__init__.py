"""Trains, applies and watches the models: reads schemas `features` and `core`, writes `ml`."""
