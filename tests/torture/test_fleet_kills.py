"""The short form of "a killed server"."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.fleet_kills import Killing


@pytest.mark.slow
def test_a_killed_server_forgets_nothing_of_its_fleet(tmp_path: Path) -> None:
    # How much is lost depends on the machine, so only the long form looks at that.
    outcomes = Killing(tmp_path, seed=15, lost_s=60).run(5)
    assert outcomes.found == []
    assert outcomes.kills == 5
    assert outcomes.offers
    assert "halted" in outcomes.rollouts.values()
