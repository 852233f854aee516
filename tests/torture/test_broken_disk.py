"""The short form of "full and broken disk", and that it sees what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish import atomic
from bench.report import Unavailable
from tests.torture.broken_disk import (
    SHORT,
    Outcome,
    change_with_faults,
    in_server,
    on_small_disk,
)
from tests.torture.tried_changes import Bench, tried_changes

#: A prime, so that calls of all kinds are among those that fail.
EVERY = 7


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_change_that_meets_a_fault_is_refused_in_one_line_or_made(
    tmp_path: Path, name: str
) -> None:
    outcome = Outcome()
    (tried,) = (tried for tried in tried_changes() if tried.name == name)
    change_with_faults(Bench(tried, tmp_path), outcome, EVERY)
    assert outcome.found == []
    assert outcome.refused


@pytest.mark.slow
def test_a_server_whose_disk_has_faults_goes_on(tmp_path: Path) -> None:
    outcome = Outcome()
    in_server(tmp_path / "server", outcome, EVERY)
    assert outcome.found == []
    assert outcome.refused > 3


@pytest.mark.slow
def test_a_server_whose_disk_is_full_or_read_only_goes_on(tmp_path: Path) -> None:
    outcome = Outcome()
    try:
        on_small_disk(tmp_path / "disk", outcome, EVERY)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert outcome.found == []
    assert outcome.refused >= 2


def test_a_change_that_was_made_and_said_not_to_be_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "UNFLUSHED", "Look there; nothing was changed.")
    outcome = Outcome()
    (tried,) = (tried for tried in tried_changes() if tried.name == "withdraw")
    change_with_faults(Bench(tried, tmp_path), outcome)
    assert any("something was changed" in text for text in outcome.found)
