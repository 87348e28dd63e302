"""Where log events go, and what never gets into them."""
