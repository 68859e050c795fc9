"""When models are trained, what comes of it, and who serves."""
