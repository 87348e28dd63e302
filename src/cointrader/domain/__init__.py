"""The words everything else is written in. Values, ports and rules; standard library only."""
