"""Many settings over the same candles: what can be shared between them is made once."""
