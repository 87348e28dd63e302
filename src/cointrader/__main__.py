"""`python -m cointrader`: the same as the `cointrader` command."""

import sys

from cointrader.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
