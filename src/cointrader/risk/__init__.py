"""What may be opened, how large, and when nothing may: one account, many symbols."""
