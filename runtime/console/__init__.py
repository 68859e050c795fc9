"""The web console: what runs, seen and steered from a browser on this machine."""
