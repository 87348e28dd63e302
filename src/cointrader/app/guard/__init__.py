"""A second process: no position without a live stop."""
