"""Commands that prove instead of promise."""
