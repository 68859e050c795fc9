"""Shows of every limit that an order just beyond it is refused, by the agents that trade."""
