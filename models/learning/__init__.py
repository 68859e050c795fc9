"""From outcomes to weights, gates and parameters."""
