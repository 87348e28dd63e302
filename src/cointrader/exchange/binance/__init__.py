"""Binance USDⓈ-M futures: the real exchange, its testnet, or whatever speaks the same protocol."""
