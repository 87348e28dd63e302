#!/usr/bin/env bash
# Bring published models to where they trade: a thin door to `cointrader deploy`.
# usage: bash scripts/deploy_model.sh [lgbm|mlx] [--symbol S | --all] [other options of deploy]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
case ${1:-} in
  lgbm | mlx) backend=$1; shift; set -- --backend "$backend" "$@" ;;
esac
exec "$python" -m cointrader deploy "$@"
