"""One symbol, one loop: from a closed candle to a protected position."""
