"""What a backtest is worth: kept, and asked for before money is at risk."""
