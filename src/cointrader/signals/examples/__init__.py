"""Signal rules to begin with; `cointrader new-signal NAME` copies one. No promise of profit."""
