"""Everything on the wire can be held up, changed or left out at one place."""

from __future__ import annotations

from cointrader.exchange.simulated.wire import Passage
from cointrader.exchange.simulated.wire.refusals import Answer
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

BUSY = Answer(503, {"code": -1001, "msg": "Internal error; unable to process your request."})
ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}


class StopsOrders(Passage):
    """Orders are not carried out."""

    async def request(self, request):
        return BUSY if request.path == "/fapi/v1/order" else None


class LosesAnswers(Passage):
    """Orders are carried out, and the client is told otherwise."""

    async def answer(self, request, answer):
        return BUSY if request.path == "/fapi/v1/order" else answer


class Repeats(Passage):
    """Every account event is told twice, and every frame twice again."""

    def event(self, message):
        return (message, message)

    async def frame(self, stream, frame):
        return (frame, frame)


async def trades_after_an_order(passage):
    async with served(CALM, passage=passage) as client:
        reply = await client.signed("POST", "/fapi/v1/order", **ORDER)
        trades = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)
    return reply.status, len(trades)


async def test_a_request_may_be_answered_without_being_carried_out():
    assert await trades_after_an_order(StopsOrders()) == (503, 0)


async def test_an_answer_may_differ_from_what_was_done():
    assert await trades_after_an_order(LosesAnswers()) == (503, 1)


async def test_events_and_frames_may_be_told_otherwise():
    async with served(CALM, passage=Repeats()) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.control("deposit", amount="1")

            assert len(await stream.all_now()) == 4
