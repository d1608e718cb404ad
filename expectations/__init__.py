"""The two gates: `landing` lets raw files in, `validation` says whether a build may be read."""
