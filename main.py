"""`python main.py [COMMAND ...]`: a thin door to the `cointrader` command.

Without a command it trades on paper.
"""

import sys

try:
    from cointrader.cli.main import main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"click", "cointrader"}:
        raise
    sys.exit("cointrader is not installed here: run `make install`, then .venv/bin/python main.py")

if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.argv.append("paper")
    sys.exit(main())
