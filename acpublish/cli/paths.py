"""The type of arguments and options that are paths."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["ANY_PATH"]

#: Whoever opens a path says what is wrong with it; click would call that a wrong usage.
ANY_PATH = click.Path(path_type=Path, readable=False)
