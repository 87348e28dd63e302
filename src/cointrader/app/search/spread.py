"""Where the work of a search is done when nobody said: here, unless that would take long."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from cointrader.app.cluster import Common, Item, Result, Work, processors, spread

_WORTH_A_PROCESS_S = 20.0  # of work left, before other processes are started unasked


def spread_if_worth(
    work: Work[Common, Item, Result],
    common: Common,
    items: Sequence[Item],
    *,
    jobs: int | None,
    cluster: str | None,
) -> Generator[Result, None, None]:
    """``work(common, item)`` of each item, as `cluster.spread`.

    Without `jobs` two items are worked off here to see what it takes: the first one makes what
    all need, the second one tells the time.
    """
    if cluster is None and jobs is None:
        left_s = 0.0
        for item in items[:2]:
            begun_s = time.perf_counter()
            yield work(common, item)
            left_s = (time.perf_counter() - begun_s) * (len(items) - 2)
        jobs = processors() if left_s > _WORTH_A_PROCESS_S else 1
        items = items[2:]
    yield from spread(work, common, items, jobs=jobs or 1, cluster=cluster)
