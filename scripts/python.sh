# Sourced by the scripts beside it: goes to the folder of cointrader and finds its Python as $python.
# PYTHON, if set, is taken; else the environment that make built; else python3 of the system.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-}
if [ -z "$python" ]; then
  if [ -x .venv/bin/python ]; then python=.venv/bin/python; else python=python3; fi
fi
"$python" -c 'import cointrader, click' 2>/dev/null || {
  echo "cointrader is not installed for $python: run \`make install-train\`" >&2
  exit 2
}
