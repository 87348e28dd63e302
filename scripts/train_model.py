"""Train entry filters: a thin door to `cointrader train`.

usage: python scripts/train_model.py --symbol XRPUSDT | --symbols A,B,C | --all
                                     [--backend lgbm|mlx --folds 5]
"""

import sys

try:
    from cointrader.cli.main import main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"click", "cointrader"}:
        raise
    sys.exit(
        "cointrader is not installed here: "
        "run `make install-train`, then .venv/bin/python scripts/train_model.py"
    )

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
