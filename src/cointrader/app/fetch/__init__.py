"""History of the exchange, from every source, into one store."""
