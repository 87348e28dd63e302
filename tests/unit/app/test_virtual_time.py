"""Time that jumps: timers, timeouts, threads, long years."""

import asyncio
import time

import pytest

from cointrader.app.virtual_time import LoopClock, VirtualLoop

YEAR_S = 366 * 24 * 3600


def run(coroutine, speed=None):
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(speed)) as runner:
        return runner.run(coroutine)


def test_a_year_of_sleep_takes_no_time():
    async def sleep_a_year():
        clock = LoopClock(1_000)
        await clock.sleep_ms(YEAR_S * 1000)
        return clock.now_ms()

    started = time.monotonic()
    assert run(sleep_a_year()) == 1_000 + YEAR_S * 1000
    assert time.monotonic() - started < 5


def test_sleepers_wake_in_the_order_of_their_times_and_at_exactly_those_times():
    woken = []

    async def sleeper(clock, at_ms):
        await clock.sleep_until_ms(at_ms)
        woken.append((at_ms, clock.now_ms()))

    async def main():
        clock = LoopClock(0)
        await asyncio.gather(*(sleeper(clock, at) for at in (900_000, 1, 899_999, 900_001)))

    run(main())
    assert woken == [(at, at) for at in (1, 899_999, 900_000, 900_001)]


def test_time_stands_still_while_a_task_is_ready():
    async def main():
        clock = LoopClock(0)
        for _ in range(10_000):
            await asyncio.sleep(0)
        return clock.now_ms()

    assert run(main()) == 0


def test_timeouts_follow_virtual_time():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)
        return asyncio.get_running_loop().time()

    assert run(main()) == 3600


def test_many_short_sleeps_after_a_year_do_not_spin_for_ever():
    async def main():
        await asyncio.sleep(YEAR_S)
        for _ in range(1_000):
            await asyncio.sleep(0.001)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(YEAR_S + 1, abs=1e-4)


def test_virtual_time_waits_for_a_thread():
    async def main():
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(1))
        await loop.run_in_executor(None, time.sleep, 0.05)
        before = loop.time()
        await timer
        return before, loop.time()

    assert run(main()) == (0, 1)


def test_a_program_in_which_everybody_waits_for_somebody_says_so():
    async def main():
        await asyncio.Event().wait()

    loop = VirtualLoop()
    try:
        with pytest.raises(RuntimeError, match="stands still"):
            loop.run_until_complete(main())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_work_takes_no_time_however_fast_the_pace():
    async def main():
        await asyncio.sleep(1)
        time.sleep(0.02)  # a thousand seconds at this pace
        return asyncio.get_running_loop().time()

    assert run(main(), speed=50_000) == 1


def test_a_thread_is_waited_for_at_any_pace():
    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, lambda: 42)

    assert run(main(), speed=10) == 42


def test_n_times_as_fast_is_paced_by_the_wall_clock():
    async def main():
        await asyncio.sleep(20)

    started = time.monotonic()
    run(main(), speed=100)
    assert 0.19 < time.monotonic() - started < 2


async def end(server, writer):
    """Both ends of the connection are closed."""
    writer.close()
    server.close()
    await writer.wait_closed()
    await asyncio.sleep(1)


def test_an_answer_over_a_socket_of_the_same_loop_comes_before_time_goes_on():
    """Fifty questions a virtual hour apart, each answered at once; the impatient client is not."""

    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        waited = []
        for number in range(50):
            await asyncio.sleep(3600)
            asked = asyncio.get_running_loop().time()
            async with asyncio.timeout(0.001):
                writer.write(f"{number}\n".encode())
                assert await reader.readline() == f"{number}\n".encode()
            waited.append(asyncio.get_running_loop().time() - asked)
        await end(server, writer)
        return waited

    assert run(main()) == [0.0] * 50


def test_an_answer_that_is_held_back_is_waited_for_in_virtual_time():
    async def slow(reader, writer):
        await reader.readline()
        await asyncio.sleep(3600)
        writer.write(b"late\n")
        writer.close()

    async def main():
        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await reader.readline()
        assert asyncio.get_running_loop().time() == 60
        answer = await reader.readline()
        answered_s = asyncio.get_running_loop().time()
        await end(server, writer)
        return answer, answered_s

    assert run(main()) == (b"late\n", 3600)
