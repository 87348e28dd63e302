"""Holds a journal against the kernel: the same candles, decision by decision."""
