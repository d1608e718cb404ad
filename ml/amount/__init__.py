"""90 % intervals of what live projects will raise in all, and what the intervals are worth."""
