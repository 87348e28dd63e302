"""Indicators, the primary signal, the features of the filter: arrays in, arrays out."""
