"""Sources of data beside the terminal."""
