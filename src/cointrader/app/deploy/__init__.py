"""Bring models to where they trade."""
