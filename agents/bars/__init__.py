"""How agents follow bars: the window of a symbol, and the delivery of a close."""
