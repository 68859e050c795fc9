"""The terminal process: simulated or MetaTrader 5 behind one port."""
