"""A journal held against the backtest."""
