"""JSON documents that others wrote, read so that they can always be written again.

A manifest is read once and sent in many responses, each of which it would break.
"""

from __future__ import annotations

import json
import math
from typing import Any

#: What other programs can read as a number; a longer one takes quadratic time to write.
LARGEST_NUMBER = 2**63 - 1


def loads(text: bytes) -> Any:
    """Reads JSON, and replaces half surrogate pairs, which nothing can encode, by ``?``.

    Earlier versions of acpublish stored them, from file names that are not UTF-8.

    Raises:
        ValueError: It is not JSON, or has a number that JSON does not have.
        RecursionError: It is nested too deeply.
    """
    document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    # Only these bytes can bring one: its escape, or its form in UTF-8.
    if b"\\u" in text or b"\xed" in text:
        plain = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        document = json.loads(plain)
    return document


def nesting(value: Any) -> int:
    """Returns how many lists and objects are inside one another."""
    levels, depth = [value], -1
    while levels:
        depth += 1
        levels = [
            inner
            for outer in levels
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
