"""Paper trading: the real bots on a simulated exchange."""
