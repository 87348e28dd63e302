"""Candles in memory and on disk."""
