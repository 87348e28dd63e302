#!/bin/sh
# Build or update a virtual environment from a lock, and put this checkout into it (editable).
# usage: scripts/install.sh VENV LOCK WHAT-FOR      called by make
# PYTHON: the interpreter to use; UV: the uv to use, if there is one.
set -eu
venv=$1 lock=$2 purpose=$3

fail() { printf 'make: %s\n' "$1" >&2; exit 1; }

# Runs the candidate, because a name on PATH (a version manager's shim, say) may not be a Python.
fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" && { echo "$PYTHON"; return; }
    fail "PYTHON=$PYTHON is not a Python 3.11 or newer with the venv module"
  fi
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    fits "$candidate" && { echo "$candidate"; return; }
  done
  found=$(python3 --version 2>&1) || found="no python3"
  fail "cointrader needs Python 3.11 or newer with the venv module; found: $found
  install one (Debian, Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12"
}

wrong_python() { [ -n "${PYTHON:-}" ] && [ "$(version "$PYTHON")" != "$(version "$venv/bin/python")" ]; }
version() { "$1" -c 'import sys; print(sys.version)' 2>/dev/null || echo none; }

if [ ! -x "$venv/bin/python" ] || ! fits "$venv/bin/python" || wrong_python; then
  python=$(find_python) || exit 1
  echo "Setting up $venv $purpose with $("$python" --version); the first time takes a minute or two ..." >&2
  "$python" -m venv --clear "$venv" || fail "could not create $venv (Debian, Ubuntu: apt install python3-venv)"
else
  echo "Updating $venv $purpose ..." >&2
fi

# -qq: errors only. --no-compile: Python compiles what it imports, which is a fraction of what is installed.
pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input install -qq --no-compile "$@"; }
with_uv() { command -v "${UV:-uv}" >/dev/null 2>&1 && VIRTUAL_ENV="$PWD/$venv" "${UV:-uv}" pip "$@"; }

# Only the lines of pip itself: the pip of an older Python takes twice as long for the rest.
own_pip() {
  own=$venv/pip.lock
  awk '/^pip==/ { on = 1 } on { print } on && !/\\$/ { exit }' "$lock" >"$own"
  pip_install --require-hashes -r "$own" 2>/dev/null || true
}

# uv does not read pip's settings (an own index, say); where it fails, pip is asked.
if ! with_uv install --quiet --require-hashes -r "$lock" 2>/dev/null; then
  own_pip
  pip_install --require-hashes -r "$lock" || fail "could not install $lock (see above)"
fi
# --force-reinstall, so that a moved checkout gets its new paths.
pip_install --no-deps --no-build-isolation --force-reinstall -e . || \
  fail "could not install cointrader itself (see above)"
