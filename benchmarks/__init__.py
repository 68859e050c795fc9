"""What Quorum costs, always beside a peer or the raw floor in the same run."""
