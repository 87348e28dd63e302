#!/usr/bin/env bash
# Run the tests, building the development environment first if need be.
# usage: bash scripts/run_tests.sh [pytest options]      e.g.  bash scripts/run_tests.sh -k risk -x
# Without options the tests run on all cores (at most 4); TEST_WORKERS=0 runs them in one process.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -n "${COINTRADER_ENV_READY:-}" ] || "${MAKE:-make}" --no-print-directory dev

if [ $# -eq 0 ]; then
  set -- -n "${TEST_WORKERS:-auto}" --maxprocesses 4 --dist worksteal
fi
exec .venv/bin/python -m pytest "$@"
