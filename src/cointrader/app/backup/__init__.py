"""Everything that is not on the exchange, in one file, and put back."""
