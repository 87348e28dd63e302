"""Settings: one table, where they are written down, what counts, and what it means."""

from cointrader.app.config.config import Config

__all__ = ["Config"]
