"""Every setting, declared once with unit, bounds, default; the only reader of the environment."""
