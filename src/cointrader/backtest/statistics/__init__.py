"""What a list of trades proves: arrays in, numbers out. Pure: no clock, file or log."""
