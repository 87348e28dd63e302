"""What a running process counts, for `metrics` and `health`."""
