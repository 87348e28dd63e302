"""Commands over a socket: who may ask, what is answered, where the socket is."""

from __future__ import annotations

import asyncio
import gc
import socket
import stat
import warnings

import numpy as np
import pytest

from cointrader.domain.errors import CointraderError, UsageError
from cointrader.ops.control import Answer, Command, NotRunning, ask, listening, socket_of


async def asked(journal, name, arguments=None):
    """`ask` is for another process; here it runs in another thread."""
    return await asyncio.to_thread(ask, journal, name, arguments, timeout_s=5)


class Recorder:
    """Answers every command alike and keeps it."""

    def __init__(self) -> None:
        self.heard: list[Command] = []

    async def handle(self, command: Command) -> Answer:
        self.heard.append(command)
        return Answer(True, ("done",), {"is_paused": True})


async def test_a_command_reaches_the_process_and_its_answer_comes_back(tmp_path):
    journal, handler = tmp_path / "live.db", Recorder()

    async with listening(journal, handler.handle):
        answer = await asked(journal, "flatten", {"symbols": ["XRPUSDT"]})

    assert answer == Answer(True, ("done",), {"is_paused": True})
    (command,) = handler.heard
    assert (command.name, command.arguments) == ("flatten", {"symbols": ["XRPUSDT"]})
    assert "process" in command.who


async def test_the_socket_is_its_owners_alone_and_goes_with_the_process(tmp_path):
    journal = tmp_path / "live.db"

    async with listening(journal, Recorder().handle):
        mode = socket_of(journal).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600

    assert not socket_of(journal).exists()


async def test_nobody_listening_is_told_apart(tmp_path):
    with pytest.raises(NotRunning):
        await asked(tmp_path / "live.db", "pause")


@pytest.mark.parametrize("turns", range(8))
async def test_who_connects_as_the_process_ends_is_let_go_and_nothing_stays_open(tmp_path, turns):
    journal = tmp_path / "live.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        async with listening(journal, Recorder().handle):
            line.connect(str(socket_of(journal)))
            for _ in range(turns):
                await asyncio.sleep(0)

        line.settimeout(5)
        assert await asyncio.to_thread(line.recv, 1) == b""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(warning.message) for warning in told] == []


async def test_a_socket_left_behind_is_nobody_and_does_not_stop_the_next_process(tmp_path):
    journal = tmp_path / "live.db"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_of(journal)))
    with pytest.raises(NotRunning):
        await asked(journal, "pause")

    async with listening(journal, Recorder().handle):
        assert (await asked(journal, "pause")).is_done


async def test_a_file_of_the_sockets_name_is_not_removed(tmp_path):
    journal = tmp_path / "live.db"
    socket_of(journal).write_text("mine")

    with pytest.raises(OSError):
        async with listening(journal, Recorder().handle):
            pass

    assert socket_of(journal).read_text() == "mine"


async def test_a_folder_of_any_depth_and_a_name_of_any_length_will_do(tmp_path):
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    journal = folder / f"{'long' * 30}.db"

    async with listening(journal, Recorder().handle):
        assert socket_of(journal).parent == folder
        assert (await asked(journal, "pause")).is_done


async def test_what_the_process_refuses_is_an_answer_and_it_goes_on(tmp_path):
    journal = tmp_path / "live.db"

    async def refuse(command: Command) -> Answer:
        if command.name == "dance":
            raise UsageError("no such command", found="dance")
        if command.name == "break":
            raise ZeroDivisionError
        return Answer(True, ())

    async with listening(journal, refuse):
        answer = await asked(journal, "dance")
        broken = await asked(journal, "break")
        assert (await asked(journal, "pause")).is_done

    assert answer.lines == ("no such command", "  found: dance")
    assert not answer.is_done
    assert "ZeroDivisionError" in broken.lines[0]


async def test_noise_is_answered_and_forgotten(tmp_path):
    journal, handler = tmp_path / "live.db", Recorder()

    async with listening(journal, handler.handle):
        reader, writer = await asyncio.open_unix_connection(socket_of(journal))
        writer.write(b'{"name": 3\n')
        line = await reader.readline()
        writer.close()

    assert b"this is no command" in line
    assert handler.heard == []


async def test_an_answer_that_never_comes_leaves_the_outcome_open(tmp_path):
    journal = tmp_path / "live.db"

    async def never(command: Command) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async with listening(journal, never):
        with pytest.raises(CointraderError, match="not known whether 'flatten'"):
            await asyncio.to_thread(ask, journal, "flatten", timeout_s=0.2)


async def test_numbers_of_numpy_arrive_as_numbers(tmp_path):
    journal = tmp_path / "live.db"

    async def handle(command):
        return Answer(True, (), {"ratio": np.float64(0.25), "nothing": None, "rows": [[1, 2.5]]})

    async with listening(journal, handle):
        answer = await asked(journal, "state")

    assert answer.values == {"ratio": 0.25, "nothing": None, "rows": [[1, 2.5]]}
