"""The workers of a tuning: this process, others of this machine, or an existing Dask cluster.

Unlike `cluster.spread`, what is asked next depends on what was answered, so questions are put one
by one, to any `concurrent.futures.Executor`. They are plain values; what all of them have in common
is sent once.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from cointrader.app import cluster as places
from cointrader.domain.errors import ConfigError

Common = TypeVar("Common")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Common, Item], Result]


@contextmanager
def workers(
    work: Work[Common, Item, Result],
    common: Common,
    *,
    jobs: int = 1,
    cluster: str | None = None,
) -> Iterator[Callable[[Item], Future[Result]]]:
    """``ask(item)``, whose future holds ``work(common, item)``.

    Parameters are those of `cluster.spread`, and so are the errors. Left by an exception, whatever
    is not finished is dropped.
    """
    if cluster is not None:
        with _on_cluster(common, cluster) as (executor, sent):
            yield lambda item: executor.submit(work, sent, item)
    elif jobs <= 1:
        yield lambda item: _now(work, common, item)
    else:
        with _processes(common, jobs) as executor:
            yield lambda item: executor.submit(places._one, work, item)


def _now(work: Work[Common, Item, Result], common: Common, item: Item) -> Future[Result]:
    """The answer itself: in one process nothing is gained by asking ahead."""
    future: Future[Result] = Future()
    future.set_result(work(common, item))
    return future


@contextmanager
def _processes(common: object, jobs: int) -> Generator[Executor, None, None]:
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=places._begin,
        initargs=(common,),
    )
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _on_cluster(common: object, address: str) -> Generator[tuple[Executor, Any], None, None]:
    distributed = places._distributed()
    try:
        client = distributed.Client(address, timeout=places._CONNECT_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            "the Dask cluster does not answer",
            where="--cluster",
            found=f"{address}: {error}",
            todo="name the address that its scheduler prints, such as tcp://10.0.0.5:8786",
        ) from None
    with client:
        places._require_same_version(client, address)
        (sent,) = client.scatter([common], broadcast=True, hash=False)
        executor = client.get_executor(pure=False)
        try:
            yield executor, sent
        finally:
            executor.shutdown(wait=False)
