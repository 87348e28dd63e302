"""Tune the settings of a backend: a thin door to `cointrader tune`.

usage: python scripts/tune_hyperparams.py --symbol XRPUSDT | --symbols A,B,C | --all
                                          [--backend lgbm|mlx --trials 60 --folds 5]
"""

import sys

try:
    from cointrader.cli.main import main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"click", "cointrader"}:
        raise
    sys.exit(
        "cointrader is not installed here: "
        "run `make install-train`, then .venv/bin/python scripts/tune_hyperparams.py"
    )

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
