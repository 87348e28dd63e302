#!/bin/sh
# Resolve requirements*.lock from pyproject.toml: plain pip files, any platform, any Python >= 3.11, hashes.
# usage: make lock [ARGS=--upgrade]      needs uv (UV=/path/to/uv if it is not on PATH)
set -eu
uv=${UV:-uv}
command -v "$uv" >/dev/null 2>&1 || {
  echo "make: locking needs uv; install it (pip install uv) or name it: make lock UV=/path/to/uv" >&2
  exit 1
}

# One version of everything for all Pythons: what was tested is what runs.
compile() {
  out=$1; shift
  "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    --group build "$@" --output-file "$out"
  # No lock may depend on where it was made.
  if grep -nE '://|^-|^ *file:|@ ' "$out"; then
    echo "make: $out names a place (see above)" >&2; exit 1
  fi
  echo "$out: $(grep -c '==' "$out") packages" >&2
}

# The largest first: what a development environment must have, the smaller ones have too.
compile requirements-dev.lock --extra train --group dev --group oracle --group clients "$@"
compile requirements-train.lock --extra train --constraint requirements-dev.lock "$@"
compile requirements.lock --extra research --constraint requirements-train.lock "$@"
