"""A week or a month of trading against what was expected of it."""
