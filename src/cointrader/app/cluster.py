"""The same work on one processor, on all of this machine, or on a Dask cluster that is there.

    for result in spread(play_task, job, tasks, jobs=4):
        ...

A function, what all calls have in common, and a list of what differs; results come as they are
done. Whoever stops listening, by an exception or Ctrl-C, stops the work.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

from cointrader import __version__
from cointrader.domain.errors import CointraderError, ConfigError

Common = TypeVar("Common")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Common, Item], Result]

_CONNECT_S = 10


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Work[Common, Item, Result],
    common: Common,
    items: Sequence[Item],
    *,
    jobs: int = 1,
    cluster: str | None = None,
) -> Generator[Result, None, None]:
    """``work(common, item)`` of each item, in the order in which they are done.

    Parameters
    ----------
    work : a function of a module, so that other processes find it
    jobs : processes on this machine; 1 works in this one
    cluster : address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``, instead of `jobs`

    Raises
    ------
    ConfigError : `cluster` without Dask installed, not to be reached, or of another version
    """
    if cluster is not None:
        yield from _on_cluster(work, common, items, cluster)
    elif jobs <= 1 or len(items) <= 1:
        for item in items:
            yield work(common, item)
    else:
        yield from _in_processes(work, common, items, min(jobs, len(items)))


# ------------------------------------------------------------------ processes of this machine

_common: Any = None  # of a worker process


def _in_processes(
    work: Work[Common, Item, Result], common: Common, items: Sequence[Item], jobs: int
) -> Generator[Result, None, None]:
    # Spawned, not forked: threads of this process may hold locks that nobody would release there.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(common,))
    try:
        waiting: list[Future[Result]] = [pool.submit(_one, work, item) for item in items]
        for done in as_completed(waiting):
            yield done.result()
    except BaseException:  # GeneratorExit too: nobody listens any more
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(common: object) -> None:
    global _common  # noqa: PLW0603 - sent once per process and not with every item
    _common = common
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the process that asked


def _one(work: Work[Any, Item, Result], item: Item) -> Result:
    return work(_common, item)


# ------------------------------------------------------------------ a cluster


def _on_cluster(
    work: Work[Common, Item, Result], common: Common, items: Sequence[Item], address: str
) -> Generator[Result, None, None]:
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            "the Dask cluster does not answer",
            where="--cluster",
            found=f"{address}: {error}",
            todo="name the address that its scheduler prints, such as tcp://10.0.0.5:8786",
        ) from None
    with client:
        _require_same_version(client, address)
        (shared,) = client.scatter([common], broadcast=True, hash=False)
        futures = client.map(
            _on_worker, items, work=work, common=shared, pure=False, batch_size=1_000
        )
        try:
            for done in distributed.as_completed(futures, loop=client.loop):
                yield done.result()
        finally:
            client.cancel(futures, force=True)


def _on_worker(item: Item, work: Work[Common, Item, Result], common: Common) -> Result:
    return work(common, item)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "a cluster needs distributed, which is not installed",
            where="--cluster",
            todo="pip install 'cointrader[cluster]', here and on the workers; "
            "or leave --cluster out: --jobs uses the processors of this machine",
        ) from error
    return distributed


def _require_same_version(client: Any, address: str) -> None:
    """Workers that play by other rules would give other results."""
    try:
        found = client.run(_version)
    except Exception as error:  # whatever a worker without the package says
        raise _unlike(address, f"a worker without cointrader ({error})") from None
    if not found:
        raise CointraderError(
            "the Dask cluster has no worker",
            where=address,
            todo=f"start some: dask worker {address}",
        )
    others = sorted({version for version in found.values() if version != __version__})
    if others:
        raise _unlike(address, f"cointrader {', '.join(others)}")


def _unlike(address: str, found: str) -> ConfigError:
    return ConfigError(
        "a worker of the cluster is not like this machine",
        where=address,
        found=found,
        allowed=f"cointrader {__version__}",
        todo="install the same version on every worker",
    )


def _version() -> str:
    return __version__
