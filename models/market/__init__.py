"""From prices to columns."""
