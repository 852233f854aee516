"""TOML in all versions of Python that we hold to."""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["parse_toml"]

#: The standard library has it since Python 3.11; before, tomli is one of our requirements.
_PARSER = "tomllib" if sys.version_info >= (3, 11) else "tomli"


def parse_toml(text: str) -> dict[str, Any]:
    """Returns what a text holds.

    Raises:
        ValueError: It is no TOML; the message names the line.
    """
    # Loaded only where there is a file to read: a build without one does not pay for it.
    found: dict[str, Any] = importlib.import_module(_PARSER).loads(text)
    return found
