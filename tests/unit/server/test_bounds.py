"""Every bound of the server is in the reference, with its value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acpublish.server import bounds

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "device-protocol.md"
NAMES = sorted(name for name in vars(bounds) if name.isupper())
_UNITS = {"% of all": 0.01, "KiB": 1024, "MiB": 1024 * 1024, "s": 1, "": 1}


def documented() -> dict[str, float]:
    rows = re.findall(r"^\|[^|]+\| ([^|]+) \| `([A-Z_]+)` \|$", REFERENCE.read_text(), re.MULTILINE)
    values = {}
    for text, name in rows:
        number, _, unit = text.replace(",", "").partition(" ")
        values[name] = float(number) * _UNITS[unit]
    return values


@pytest.mark.parametrize("name", NAMES)
def test_a_bound_is_documented(name: str) -> None:
    assert documented().get(name) == getattr(bounds, name)


def test_no_other_bound_is_documented() -> None:
    assert sorted(documented()) == NAMES
