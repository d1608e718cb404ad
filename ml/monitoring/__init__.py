"""Model monitoring: drift within a budget for false alerts, outcomes, the journal."""
