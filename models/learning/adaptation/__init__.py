"""Parameters that follow the market: PPO on outcomes that were simulated once, and its rivals."""
