"""The gates: `land` lets raw files in, `validate` lets results out, `publish` shows them."""
