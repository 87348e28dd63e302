"""Arrays come back as they were, and Ctrl-C while they are written is Ctrl-C."""

from __future__ import annotations

import io
import sys
from itertools import count

import numpy as np
import pytest

from cointrader.training.packed import packed

ARRAYS = {"margins": np.linspace(0, 1, 7), "rounds": np.array(3)}


def test_arrays_come_back_as_they_were():
    with np.load(io.BytesIO(packed(ARRAYS)), allow_pickle=False) as stored:
        assert sorted(stored.files) == sorted(ARRAYS)
        for name, values in ARRAYS.items():
            np.testing.assert_array_equal(stored[name], values)


def interrupted_at(place):
    """Pack, and be interrupted before that instruction of numpy's loop over the arrays."""
    passed = count()

    def trace(frame, event, argument):
        del argument
        if frame.f_code.co_name != "_savez":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(passed) == place:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        packed(ARRAYS)
    finally:
        sys.settrace(None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # zipfile's own
def test_interrupted_anywhere_it_is_told_as_such():
    """Between opening an entry of the archive and writing to it zipfile has another error."""
    interrupted = 0
    for place in count():
        try:
            interrupted_at(place)
        except KeyboardInterrupt:
            interrupted += 1
            continue
        break

    assert interrupted > 50
