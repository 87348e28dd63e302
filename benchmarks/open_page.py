"""A page that is open: `python -m benchmarks.open_page URL TOKEN`.

It listens to the dashboard's events as a browser does, and asks for the overview after each, at
most three times a second.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp

_REST_S = 0.3


async def look(url: str, token: str) -> None:
    """Until it is ended, or the dashboard is."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(url, headers=headers) as client,
        client.get("/api/v1/events", timeout=aiohttp.ClientTimeout(total=None)) as events,
    ):
        async for line in events.content:
            if line.strip() != b"event: changed":
                continue
            async with client.get("/api/v1/overview") as answer:
                answer.raise_for_status()
                await answer.read()
            await asyncio.sleep(_REST_S)


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1], sys.argv[2]))
