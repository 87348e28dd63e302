"""Many configurations on the same candles: sweeps and walk-forwards."""
