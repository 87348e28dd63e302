"""Why an entry was refused, as numbers: those of `risk.limits` first, then those of the size."""

from __future__ import annotations

from cointrader.risk.limits import REASONS as OF_THE_ACCOUNT
from cointrader.risk.sizing import SIZE_REASONS as OF_THE_SIZE

OF_SIZE = len(OF_THE_ACCOUNT) - 1  # added to a size verdict
REJECTED = OF_SIZE + len(OF_THE_SIZE)  # by the exchange
FILTER = REJECTED + 1
NO_MODEL = REJECTED + 2
LATE = REJECTED + 3

REFUSALS = (*OF_THE_ACCOUNT, *OF_THE_SIZE[1:], "rejected", "filter", "no-model", "late")
