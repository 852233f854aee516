"""The short form of "publishing is all or nothing", and that it sees what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish import atomic
from tests.torture.all_or_nothing import SHORT, Outcome, cut_power, measure
from tests.torture.tried_changes import Bench, tried_changes

# The children only make system calls before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def bench_of(name: str, tmp_path: Path) -> Bench:
    (tried,) = (tried for tried in tried_changes() if tried.name == name)
    return Bench(tried, tmp_path)


@pytest.mark.slow
def test_the_old_or_the_new_is_left(tmp_path: Path) -> None:
    row = measure(tmp_path, kills=5, draws=0, names=SHORT)
    assert list(row.found) == []


@pytest.mark.parametrize("name", ["promote", "token revoke"])
def test_a_name_that_is_not_flushed_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    outcome = Outcome()
    bench = bench_of(name, tmp_path)
    monkeypatch.setattr(atomic, "flush_directory", lambda path: None)
    cut_power(bench, outcome, draws=0)
    assert any("it was acknowledged, and is lost" in text for text in outcome.found)


def test_a_file_that_is_not_flushed_is_left_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = Outcome()
    bench = bench_of("token revoke", tmp_path)
    write = atomic.write
    monkeypatch.setattr(
        atomic, "write", lambda *args, **keywords: write(*args, **{**keywords, "durable": False})
    )
    cut_power(bench, outcome, draws=0)
    assert any("names before" in text for text in outcome.found)
