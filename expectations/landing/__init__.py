"""The first gate: lets an export in, or says exactly which of its rows break the contract."""
