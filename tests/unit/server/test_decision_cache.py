"""Decisions are remembered, within limits, and belong to one snapshot of the releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.decision import Rule, Target, Verdict
from acpublish.release.manifest import Release
from acpublish.server import decision_cache
from acpublish.server.decision_cache import DecisionCache
from acpublish.wire import Mode, Report
from tests.unit.catalog.holding import ANY_ORDER, put


def releases_of(tmp_path: Path, *versions: str) -> tuple[Release, ...]:
    catalog = DirectoryCatalog(tmp_path / "decisions")
    for seed, version in enumerate(versions):
        put(catalog, version, seed=seed, skipped_checks=ANY_ORDER)
    return catalog.releases("lamp")


def decided(
    cache: DecisionCache, releases: tuple[Release, ...], board: str = "d1", **said: Any
) -> Any:
    report = Report(family="esp8266", updater=True, **said)
    return cache.decide(report, releases, "lamp", board, "stable")


def test_a_decision_depends_on_what_the_device_runs(tmp_path: Path) -> None:
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0", "1.1.0"), DecisionCache()
    md5 = {str(release.version): release.images[0].md5 for release in releases}
    assert decided(cache, releases, sketch_md5=md5["1.0.0"]).verdict is Verdict.OFFER
    assert decided(cache, releases, sketch_md5=md5["1.1.0"]).verdict is Verdict.UP_TO_DATE
    assert decided(cache, releases, version="1.1.0").rule is Rule.SAME_VERSION
    assert decided(cache, releases, version="2.0.0").rule is Rule.LOWER_THAN_REPORTED
    assert decided(cache, releases, mode=Mode.FILESYSTEM).rule is Rule.NO_TARGET
    assert decided(cache, releases, board="d2").rule is Rule.NO_TARGET


def test_a_target_is_chosen_once_for_all_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0"), DecisionCache()
    calls: list[Any] = []
    choose = decision_cache.choose

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return choose(*arguments)

    monkeypatch.setattr(decision_cache, "choose", counted)
    for number in range(5):
        decided(cache, releases, version=f"0.{number}.0")
    assert len(calls) == 1
    # What has no image in any release is not searched for.
    decided(cache, releases, board="d2")
    decided(cache, releases, mode=Mode.FILESYSTEM)
    assert len(calls) == 1


def test_new_releases_make_every_decision_new(tmp_path: Path) -> None:
    (tmp_path / "decisions").mkdir()
    cache = DecisionCache()
    releases = releases_of(tmp_path, "1.0.0")
    assert decided(cache, releases, version="1.0.0").verdict is Verdict.UP_TO_DATE
    releases = releases_of(tmp_path, "1.0.0", "1.1.0")
    assert decided(cache, releases, version="1.0.0").verdict is Verdict.OFFER


def test_strangers_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_cache, "_MAX_DECISIONS", 10)
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0"), DecisionCache()
    for number in range(50):
        decided(cache, releases, board=f"b{number}", version=f"0.{number}.0")
    (snapshot,) = cache._snapshots.values()
    # A board without a release is not remembered.
    assert snapshot.decisions == {}
    for number in range(50):
        decided(cache, releases, version=f"0.{number}.0")
    assert 0 < len(snapshot.decisions) <= 10
    assert len(snapshot._targets) == 1
    # What is not a product is not remembered at all.
    cache.decide(Report(), (), "no-product", "d1", "stable")
    assert list(cache._snapshots) == ["lamp"]


def test_a_decision_looks_only_at_releases_that_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0", "2.0.0", "1.1.0"), DecisionCache()
    md5 = {str(release.version): release.images[0].md5 for release in releases}
    passed: list[list[str]] = []
    decide_update = decision_cache.decide_update

    def noted(report: Any, relevant: Any, *arguments: Any, **named: Any) -> Any:
        passed.append([str(release.version) for release in relevant])
        decision = decide_update(report, relevant, *arguments, **named)
        assert decision == decide_update(report, releases, *arguments, **named)
        return decision

    monkeypatch.setattr(decision_cache, "decide_update", noted)
    for said in (md5["1.0.0"], md5["2.0.0"], "0" * 32, None):
        for version in (None, "1.0.0", "3.0.0"):
            decided(cache, releases, sketch_md5=said, version=version)
    assert max(map(len, passed)) == 2
    assert ["1.0.0", "2.0.0"] in passed
    assert all("2.0.0" in versions for versions in passed)


def test_decisions_are_limited_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_cache, "_MAX_DECISIONS_IN_ALL", 100)
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0"), DecisionCache()
    for number in range(10):
        report = Report(family="esp8266", updater=True, version=f"0.{number}.0")
        cache.decide(report, releases, "honest", "d1", "stable")
    for number in range(2000):
        report = Report(family="esp8266", updater=True, version=f"0.{number}.0")
        cache.decide(report, releases, f"p{number % 7}", "d1", "stable")
    kept = {name: len(snapshot.decisions) for name, snapshot in cache._snapshots.items()}
    assert sum(kept.values()) <= 100 + decision_cache._COUNT_EVERY
    # The products with the most are the ones to forget.
    assert kept["honest"] == 10


def test_devices_with_the_same_report_and_different_targets_get_their_own_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decisions").mkdir()
    releases, cache = releases_of(tmp_path, "1.0.0", "2.0.0"), DecisionCache()
    targets = {
        mac: Target(release, release.images[0])
        for mac, release in zip(("first", "second"), releases, strict=True)
    }
    monkeypatch.setattr(
        decision_cache._Snapshot, "target", lambda self, report, board, channel: targets[report.mac]
    )
    for _ in range(2):
        for mac, target in targets.items():
            report = Report(family="esp8266", updater=True, mac=mac)
            decision = cache.decide(report, releases, "lamp", "d1", "stable")
            assert decision.release == target.release
