"""The short form of the attacks: an honest client hardly notices them, and memory is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.measuring import EVERY_ATTACK, SHORT, Measured, measure
from tests.torture.strangers import faults


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_ATTACK)
def test_an_honest_client_hardly_notices(name: str, tmp_path: Path) -> None:
    measured = measure(name, tmp_path, SHORT)
    assert faults(name, measured) == [], measured


def test_what_is_beyond_its_bound() -> None:
    measured = Measured(
        p99_s=0.6,
        slowest_s=2.0,
        checks=100,
        failed=1,
        grown_mb=100.0,
        figures={"connections": 1000.0, "requests": 0.0, "list_s": 3.0},
    )
    assert faults("slow heads", measured) == [
        "requests is 0",
        "list_s is 3",
        "1 honest checks failed",
        "the p99 of honest checks is 0.60 s",
        "an honest check took 2.00 s",
        "100 MB, more than 76 MB",
    ]
