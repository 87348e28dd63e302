"""Trading on Binance, or on what speaks its protocol."""
