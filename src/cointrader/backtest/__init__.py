"""History through the rules that live trading follows: one compiled pass over many symbols."""
