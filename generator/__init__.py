"""A simulated crowdfunding platform with escrow: seeded, streamed, written as CSV or Parquet."""
