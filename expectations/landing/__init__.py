"""The first gate: accepts an export, or reports exactly which rows violate the contract."""
