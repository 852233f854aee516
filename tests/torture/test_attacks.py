"""The short form of the attacks: an honest client hardly notices them, and memory is bounded.

The limits are far above what is measured, as other tests run at the same time, and far below what
an attack did to a server without these bounds: seconds, hundreds of megabytes, or all of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.attacks import ATTACKS
from tests.torture.measuring import SHORT, Measured, measure

SLOWEST_S = 1.5
GROWN_MB = 60.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_an_honest_client_hardly_notices(name: str, tmp_path: Path) -> None:
    measured = measure(name, tmp_path, SHORT)
    assert measured.failed == 0, measured
    assert measured.slowest_s < SLOWEST_S, measured
    assert measured.grown_mb is None or measured.grown_mb < GROWN_MB, measured
    _attack_is_bounded(measured)


def _attack_is_bounded(measured: Measured) -> None:
    figures = measured.figures
    assert figures.get("requests", 1) > 0, measured
    assert figures.get("list_s", 0) < 2, measured
    assert figures.get("list_kb", 0) < 200, measured
    assert figures.get("honest_counted", 1) == 1, measured
    assert figures.get("publish_s", 0) < 10, measured
