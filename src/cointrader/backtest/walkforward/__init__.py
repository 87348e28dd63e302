"""Chosen on the past, judged on what came after: again and again, until the candles end."""
