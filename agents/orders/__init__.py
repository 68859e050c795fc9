"""What the ExecutionAgent knows of orders, positions and the broker."""
