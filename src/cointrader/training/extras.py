"""The optional libraries that training needs, or a word on how to install them.

Nothing here is imported before a model is fitted; nothing that trades imports any of it.
"""

from __future__ import annotations

import importlib
from typing import Any

from cointrader.domain.errors import ConfigError


def lightgbm() -> Any:
    """LightGBM. `ConfigError` without it, or without the library it needs of the system."""
    return _imported("lightgbm", "lgbm", "train")


def onnx() -> Any:
    """onnx, which writes graphs. `ConfigError` without it."""
    _imported("onnx", "", "train")
    for part in ("helper", "numpy_helper"):
        importlib.import_module(f"onnx.{part}")
    return importlib.import_module("onnx")


def mlx() -> Any:
    """mlx.core. `ConfigError` without it, or where it does not run."""
    return _imported("mlx.core", "mlx", "mlx")


def _imported(module: str, backend: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library it needs is not there
        name = module.partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError) and error.name in (name, module)
        raise ConfigError(
            f"training needs {name}, which "
            + ("is not installed" if is_absent else "does not load on this machine"),
            where=f"--backend {backend}" if backend else None,
            found=None if is_absent else error,
            todo=f"pip install 'cointrader[{extra}]'" + ("" if is_absent else _SYSTEM[extra]),
        ) from error


_SYSTEM = {
    "train": "; LightGBM needs libgomp1 of the operating system too",
    "mlx": "; on Linux MLX needs glibc 2.35 or newer",
}
