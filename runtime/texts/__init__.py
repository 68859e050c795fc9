"""Who says what texts mean: scorers, their models, and where those come from."""
