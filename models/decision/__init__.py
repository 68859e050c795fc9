"""From opinions to sizes, stops and money."""
