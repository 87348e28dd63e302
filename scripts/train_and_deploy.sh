#!/usr/bin/env bash
# Fetch, train, promote and deploy, symbol by symbol: a thin door to `cointrader train-and-deploy`.
# usage: bash scripts/train_and_deploy.sh [mlx|lgbm] [--symbol S | --all] [folds]
# Works in the folder of cointrader, wherever it is called: fit for cron. PYTHON: the interpreter.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$python" -m cointrader train-and-deploy "$@"
