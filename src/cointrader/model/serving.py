"""The model of one symbol as a running process has it: loaded once, and anew when another is there.

A running process serves what a fresh start would serve, with one exception: a model that is gone
is not the same as one that never was. So at every look there is one of three things:

- a model: checked, loaded, and what the pointer on disk names;
- nothing, because there never was a model here;
- nothing, because what is here may not be used. **A broken replacement ends the old model too**:
  somebody wanted it replaced, and nobody knows by what.

A look is one or two calls of the operating system while nothing has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cointrader.domain.errors import ModelError
from cointrader.model.artifact import POINTER, Model, Wanted, folder_of, read_active
from cointrader.model.errors import ModelBroken, ModelMissing
from cointrader.model.manifest import Manifest

Seen = tuple[object, ...]
_OWN_POINTER, _COMMON_POINTER, _EVERYTHING = range(3)  # what is looked at


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no model that may be asked. `is_missing`: because there never was one."""

    why: ModelError
    is_missing: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What is served from now on instead of what was served before (None at the first look)."""

    before: Model | Nothing | None
    now: Model | Nothing


class Serving:
    """Keeps the model of one symbol.

    Parameters
    ----------
    models : the folder of all models
    wanted : what the model must have been made for
    may_serve : why a model that is sound may not be used all the same; "" where it may
    on_change : hears of every change, the first look included, before anything is judged by it
    """

    def __init__(
        self,
        models: Path,
        wanted: Wanted,
        *,
        may_serve: Callable[[Manifest], str] = lambda _manifest: "",
        on_change: Callable[[Change], None] = lambda _change: None,
    ) -> None:
        self._models = models
        self._own = models / wanted.symbol.lower()
        self._pointer = os.fspath(self._own / POINTER)
        self._common_pointer = os.fspath(models / POINTER)
        self._wanted = wanted
        self._may_serve = may_serve
        self._on_change = on_change
        self._way = _EVERYTHING
        self._seen: Seen | None = None
        self._now: Model | Nothing | None = None

    def look(self) -> Model | Nothing:
        """What is served now; loaded anew where the files have changed since the last look."""
        now = self._now
        if now is not None and self._seen_by[self._way](self) == self._seen:
            return now
        # Before anything is read: what changes meanwhile is seen at the next look.
        seen = [look(self) for look in self._seen_by]
        before, now = now, self._read(now)
        self._way = self._way_of(now)
        self._now, self._seen = now, seen[self._way]
        if not _is_same(before, now):
            self._on_change(Change(before, now))
        return now

    def _read(self, before: Model | Nothing | None) -> Model | Nothing:
        try:
            model = read_active(folder_of(self._models, self._wanted.symbol), self._wanted)
        except ModelMissing as error:
            if before is None or (isinstance(before, Nothing) and before.is_missing):
                return Nothing(error, is_missing=True)
            return Nothing(_gone(error), is_missing=False)
        except ModelBroken as error:
            return Nothing(error, is_missing=False)
        except OSError as error:
            return Nothing(_unreadable(error), is_missing=False)
        why_not = self._may_serve(model.manifest)
        if why_not:
            refused = ModelBroken(why_not, where=str(model.folder), found=model.manifest.identity)
            return Nothing(refused, is_missing=False)
        return model

    # -- what tells that something else may be there by now: as little as can be

    def _way_of(self, now: Model | Nothing) -> int:
        if isinstance(now, Nothing):
            return _EVERYTHING
        return _OWN_POINTER if now.folder == self._own else _COMMON_POINTER

    def _see_own(self) -> Seen:
        return _stamp(self._pointer)

    def _see_common(self) -> Seen:
        return (self._own.is_dir(), _stamp(self._common_pointer))

    def _see_everything(self) -> Seen:
        """All that a fresh start would look at."""
        folder = folder_of(self._models, self._wanted.symbol)
        return (os.fspath(folder), *_stamps(folder))

    _seen_by = (_see_own, _see_common, _see_everything)


def _stamp(path: str) -> Seen:
    try:
        found = os.stat(path)  # noqa: PTH116 - at every signal, and twice as fast
    except OSError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _stamps(folder: Path) -> list[Seen]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, *_stamp(entry.path)) for entry in entries)
    except OSError:
        return []


def _is_same(before: Model | Nothing | None, now: Model | Nothing) -> bool:
    if isinstance(before, Model) and isinstance(now, Model):
        return before.manifest.as_json() == now.manifest.as_json()  # NaN is unlike NaN
    if isinstance(before, Nothing) and isinstance(now, Nothing):
        return (before.is_missing, str(before.why)) == (now.is_missing, str(now.why))
    return False


def _gone(error: ModelMissing) -> ModelBroken:
    return ModelBroken(
        "the model that was here is gone",
        where=error.where,
        todo="put it back, promote another, or start again with NO_ML_FILTER=true",
    )


def _unreadable(error: OSError) -> ModelBroken:
    return ModelBroken(
        "the model cannot be read", where=str(error.filename or ""), found=error.strerror
    )
