"""From stored candles to a model that may filter entries. Nothing that trades imports this."""
