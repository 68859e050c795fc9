"""A MetaTrader 5 terminal, its broker and its market, without any of them."""
