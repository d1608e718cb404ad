"""Which release strategy the next projects get, and what evidence the past gives for it."""
