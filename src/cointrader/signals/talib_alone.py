"""TA-Lib without pandas and polars: imported first, this saves a process half a second.

Where either is installed `import talib` imports it, to take its series too. We hand it arrays only.
"""

from __future__ import annotations

import sys

_WRAPPED = ("pandas", "polars")

if "talib" not in sys.modules:
    _hidden = [name for name in _WRAPPED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]
    try:
        import talib  # noqa: F401
    finally:
        for _name in _hidden:
            del sys.modules[_name]
