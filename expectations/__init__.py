"""The two gates: `landing` accepts raw files, `validation` decides whether a build is published."""
