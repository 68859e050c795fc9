"""Every setting, declared once with unit, bounds and default; the only reader of the environment."""
