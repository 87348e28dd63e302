"""A pytest plugin for runs with a mistake in the code: the first failure is all that is asked.

Examples are the same in every run, kept nowhere and not made smaller. Libraries that are an
independent opinion in some tests are hidden: they are in no lock, and a mistake that only they
notice is not noticed everywhere. Processor time is limited: some mistakes go round for ever.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import hypothesis
import pytest

SECONDS = "COINTRADER_MUTANT_SECONDS"
HEAVY = ("arch", "purgedcv", "sklearn")
SLOW_TO_LOAD = ("pandas",)  # TA-Lib loads it where it can; nothing else here needs it


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is read, as each takes its examples from the profile in force then."""
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutants")
    for name in (*HEAVY, *SLOW_TO_LOAD):
        sys.modules[name] = None  # type: ignore[assignment]
    if SECONDS in os.environ:
        seconds = int(os.environ[SECONDS])
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def pytest_sessionstart(session: pytest.Session) -> None:
    """What is tested must be the copy."""
    import cointrader

    if not Path(cointrader.__file__).is_relative_to(session.config.rootpath):
        pytest.exit(f"{cointrader.__file__} is not in {session.config.rootpath}", returncode=4)
