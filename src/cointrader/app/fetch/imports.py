"""`cointrader fetch --import`: files of freqtrade and of Binance's archive that are here already.

They go into the history as fetched ones do, and from there into the files; no network is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cointrader.app.fetch.archive import store
from cointrader.app.fetch.fetch import read_all_existing
from cointrader.app.fetch.files import Existing, adopt, write_symbol
from cointrader.app.fetch.plan import HISTORY_NAME, FetchOutcome, FetchPlan
from cointrader.app.fetch.work import OnProgress, Work, nothing_to_tell
from cointrader.domain.clock import Clock
from cointrader.domain.errors import DataError, MissingCandles, UsageError
from cointrader.market import archive, freqtrade
from cointrader.market.archive import ArchiveFile
from cointrader.market.combined import candle_path
from cointrader.market.frame import Times
from cointrader.market.freqtrade import FreqtradeFile
from cointrader.market.history import History
from cointrader.market.quality import possible, why_impossible
from cointrader.market.spans import Span

_KNOWN = (
    "XRP_USDT_USDT-15m-futures.feather and ...-funding_rate.feather (or .parquet) of freqtrade; "
    "XRPUSDT-15m-2025-01.zip, XRPUSDT-fundingRate-2025-01.zip, XRPUSDT-metrics-2025-01-31.zip "
    "of the archive (or .csv)"
)


def import_files(
    plan: FetchPlan,
    paths: Sequence[Path],
    clock: Clock,
    on_progress: OnProgress = nothing_to_tell,
) -> FetchOutcome:
    """Read the files of the plan's symbols and interval below `paths`; bring their files up to
    date.

    Raises
    ------
    UsageError : a path does not exist, or no file below it has a name that is known
    MissingCandles : nothing of these symbols at this interval is among them
    DataError : a file cannot be trusted, or the history cannot be used
    """
    found = list(_recognised(paths))
    if not found:
        shown = ", ".join(map(str, paths))
        raise UsageError("no file here can be imported", where=shown, allowed=_KNOWN)
    wanted = [(path, file) for path, file in found if _is_wanted(file, plan)]
    if not wanted:
        raise _nothing_of_these(plan, [file for _, file in found])
    outcome = FetchOutcome()
    existing = read_all_existing(plan, outcome)
    work = Work(on_progress)
    work.plan(len(wanted))
    with History(plan.folder / HISTORY_NAME) as history:
        history.require_origin(plan.origin)
        spans: dict[str, Span] = {}
        for path, file in wanted:
            times = _imported(history, path, file)
            if len(times):
                start, end = int(times[0]), int(times[-1]) + 1
                first, last = spans.get(file.symbol, (start, end))
                spans[file.symbol] = min(first, start), max(last, end)
            work.finish()
        for symbol, old in existing.items():
            _bring_up_to_date(plan, history, symbol, old, spans, clock.now_ms(), outcome)
    left_out = len(found) - len(wanted)
    if left_out:
        outcome.warnings.append(
            f"{left_out:,} of {len(found):,} files are of other symbols or intervals: left out"
        )
    return outcome


def _recognised(paths: Sequence[Path]) -> Iterator[tuple[Path, ArchiveFile | FreqtradeFile]]:
    for path in paths:
        if not path.exists():
            raise UsageError("there is no such file or folder", where="--import", found=path)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for each in files:
            if freqtrade.is_spot(each.name) and not path.is_dir():
                raise DataError(
                    "these are candles of the spot market",
                    where=str(each),
                    allowed="futures: XRP_USDT_USDT-15m-futures.feather",
                    todo="download them with freqtrade's --trading-mode futures",
                )
            file = archive.file_named(each.name) or freqtrade.file_named(each.name)
            if file is not None and each.is_file():
                yield each, file


def _is_wanted(file: ArchiveFile | FreqtradeFile, plan: FetchPlan) -> bool:
    if isinstance(file, ArchiveFile):
        is_of_candles = file.kind is archive.Kind.KLINES
    else:
        is_of_candles = not file.is_funding
    if is_of_candles:
        return file.symbol in plan.names and file.interval == plan.interval
    return file.symbol in plan.symbols


def _nothing_of_these(
    plan: FetchPlan, files: Sequence[ArchiveFile | FreqtradeFile]
) -> MissingCandles:
    kinds = Counter(f"{file.symbol} {file.interval}".strip() for file in files)
    told = ", ".join(list(kinds)[:8]) + (", ..." if len(kinds) > 8 else "")
    return MissingCandles(
        "nothing to import of these symbols at this interval",
        where=f"{', '.join(plan.symbols)}, {plan.interval}",
        found=told,
        todo="name others with --symbol and --interval",
    )


def _imported(history: History, path: Path, file: ArchiveFile | FreqtradeFile) -> Times:
    """Store what one file tells; the times of it."""
    if isinstance(file, ArchiveFile):
        return _from_archive(history, path, file)
    if file.is_funding:
        settlements = freqtrade.read_settlements(path)
        history.keep_settlements(file.symbol, settlements)
        return np.array([each.at_ms for each in settlements], dtype=np.int64)
    times, columns = freqtrade.read_candles(path)
    bad = np.flatnonzero(~possible(columns))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            "a candle is impossible",
            where=f"{path}, row {row} counted from 0",
            found=why_impossible(*(float(column[row]) for column in columns.arrays())),
            todo="correct the file, or leave it out",
        )
    history.keep_candles(file.symbol, file.interval, times, columns, replace=False)
    return times


def _from_archive(history: History, path: Path, file: ArchiveFile) -> Times:
    try:
        data = path.read_bytes()
        beside = path.with_name(f"{path.name}.CHECKSUM")
        checksum = beside.read_text(encoding="ascii", errors="replace") if beside.exists() else None
    except OSError as error:
        raise DataError(
            "a file cannot be opened", where=str(path), found=error.strerror or str(error)
        ) from error
    if checksum is not None:
        archive.require_sum(data, checksum, str(path))
    store(history, file, archive.unpacked(data, str(path)), str(path), None)
    return np.array([file.span[0], file.span[1] - 1], dtype=np.int64)


def _bring_up_to_date(
    plan: FetchPlan,
    history: History,
    symbol: str,
    existing: Existing | None,
    spans: dict[str, Span],
    now_ms: int,
    outcome: FetchOutcome,
) -> None:
    """The file of one symbol, where something of it or of its correlation symbols was imported."""
    if symbol not in spans:
        return
    if existing is not None:
        adopt(history, existing, plan.interval)
    others = [name for name in plan.correlation_symbols if name in spans]
    whole = spans[symbol]
    try:
        times = history.candle_times(symbol, plan.interval, whole)
        if len(times) == 0 and existing is None:
            raise MissingCandles(
                f"no candles of {symbol} are stored that this could be joined to",
                where=str(candle_path(plan.folder, symbol, plan.interval)),
                todo="import candles too, or fetch them",
            )
        written = write_symbol(
            history, plan.folder, symbol, plan.interval, [whole], others, existing, now_ms=now_ms
        )
    except DataError as error:
        outcome.failed[symbol] = error
    else:
        outcome.symbols.append(written)
