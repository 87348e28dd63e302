"""Puts the house together: settings, wiring, supervision, logs."""
