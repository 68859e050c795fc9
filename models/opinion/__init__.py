"""From columns to probabilities and forecasts."""
