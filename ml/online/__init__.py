"""What online predictions share without a model: a limit, a log, and its way to the warehouse."""
