"""Names of a package that are loaded when they are first used (PEP 562).

Each ``pio run`` loads the hook. Without this it would load all of the packages that it takes a name
from, which took 100 ms of a build that has nothing to do.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, **homes: str) -> Callable[[str], Any]:
    """Makes the ``__getattr__`` of a package.

    Args:
        package: The package's name.
        homes: For each of its modules the names, with spaces between them, that are the package's,
            too. No module can have the name of one of them, as it would hide it.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
