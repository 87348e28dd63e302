"""An exchange for each test; patience with clients that leave sockets to the collector."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.conformance.serving import CALM, DROP, LOW, Served, served

HERE = Path(__file__).parent
LITTER = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def exchange() -> Iterator[Served]:
    """An exchange whose market is calm, drops through 1.9 in its second bar, and is calm again."""
    with served(CALM, DROP, CALM, CALM) as running:
        yield running


@pytest.fixture
def fallen() -> Iterator[Served]:
    """An exchange whose market drops in its second bar, and stays there for whoever looks late."""
    with served(CALM, DROP, LOW, LOW) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.filterwarnings(*LITTER))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """What is left lying about is collected here, not during somebody else's test."""
    yield
    if nextitem is None or nextitem.path.parent != HERE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
