"""Samples of what devices run, in a store."""

from __future__ import annotations

from pathlib import Path

from acpublish.fleet.adoption_history import KEPT_S, Sample, VersionCount
from acpublish.fleet.moments import HOUR_S
from acpublish.store.stored import read
from tests.unit.store.making import opened

COUNTS = (VersionCount("lämp", "1.0.0", 3), VersionCount("lämp", "", 1))


def test_samples_are_stored_and_go_on_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note_versions(10 * HOUR_S + 5.5, COUNTS)
        store.note_versions(10 * HOUR_S + 65.5, COUNTS[:1])
    with opened(tmp_path) as store:
        assert store.load().samples == [Sample(10 * HOUR_S, COUNTS)]
        store.note_versions(11 * HOUR_S, COUNTS[:1])
        assert [sample.at for sample in store.history.hours] == [10 * HOUR_S, 11 * HOUR_S]
    assert read(tmp_path).samples[1:] == [Sample(11 * HOUR_S, COUNTS[:1])]


def test_samples_that_are_too_old_are_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for hour in (1, 2, KEPT_S // HOUR_S + 1):
            store.note_versions(hour * HOUR_S, COUNTS)
    kept = [sample.at // HOUR_S for sample in read(tmp_path).samples]
    assert kept == [2, KEPT_S // HOUR_S + 1]
