"""Where the journal survives."""
