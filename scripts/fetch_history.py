"""Fetch history: a thin door to `cointrader fetch`.

usage: python scripts/fetch_history.py --symbol XRPUSDT | --symbols A B C | --all
                                       [--interval 15m --days 365]
"""

import sys

try:
    from cointrader.cli.main import main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"click", "cointrader"}:
        raise
    sys.exit(
        "cointrader is not installed here: "
        "run `make install`, then .venv/bin/python scripts/fetch_history.py"
    )

if __name__ == "__main__":
    sys.exit(main(["fetch", *sys.argv[1:]]))
