"""What can be wrong with a model."""

from __future__ import annotations

from cointrader.domain.errors import ModelError


class ModelMissing(ModelError):
    """There is no model where one was looked for."""


class ModelBroken(ModelError):
    """There is a model that nobody may trade by: damaged, half copied, or made for something else.

    Never a reason to trade without one.
    """
