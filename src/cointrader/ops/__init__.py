"""Running it: what reaches people, and how."""
