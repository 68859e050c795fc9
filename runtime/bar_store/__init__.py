"""Bars kept on this machine: the folder they lie in, and how they are fetched into it."""
