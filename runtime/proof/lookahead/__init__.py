"""Whether any opinion knows what had not happened yet."""
