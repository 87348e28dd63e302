"""The entry filter's model: its files, and the session that scores feature rows."""
