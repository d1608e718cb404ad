"""Model monitoring: drift within a budget for false alarms, outcomes, the journal."""
