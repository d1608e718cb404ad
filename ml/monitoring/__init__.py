"""Do the models still hold: drift within a budget for false alarms, outcomes, the journal."""
