"""What products can offer is made once for each snapshot, and decisions stay within limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control import product_targets
from acpublish.control.product_targets import ProductTargets
from acpublish.fleet import deciding
from acpublish.fleet.moments import NO_TIME
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.release.manifest import Release
from acpublish.wire import Mode, Report
from tests.unit.catalog.holding import ANY_ORDER, put


def releases_of(tmp_path: Path, *versions: str) -> tuple[Release, ...]:
    (tmp_path / "decisions").mkdir(exist_ok=True)
    catalog = DirectoryCatalog(tmp_path / "decisions")
    for seed, version in enumerate(versions):
        put(catalog, version, seed=seed, skipped_checks=ANY_ORDER)
    return catalog.releases("lamp")


def decided(
    known: ProductTargets,
    releases: tuple[Release, ...],
    board: str = "d1",
    product: str = "lamp",
    **said: Any,
) -> Decision:
    report = Report(family="esp8266", updater=True, **said)
    targets = known.of(product, releases)
    return deciding.decide(None, report, targets, board, "stable", (), NO_TIME).decision


def test_a_decision_depends_on_what_the_device_runs(tmp_path: Path) -> None:
    releases, known = releases_of(tmp_path, "1.0.0", "1.1.0"), ProductTargets()
    md5 = {str(release.version): release.images[0].md5 for release in releases}
    for _ in range(2):
        assert decided(known, releases, sketch_md5=md5["1.0.0"]).verdict is Verdict.OFFER
        assert decided(known, releases, sketch_md5=md5["1.1.0"]).verdict is Verdict.UP_TO_DATE
        assert decided(known, releases, version="1.1.0").rule is Rule.SAME_VERSION
        assert decided(known, releases, version="2.0.0").rule is Rule.LOWER_THAN_REPORTED
        assert decided(known, releases, mode=Mode.FILESYSTEM).rule is Rule.NO_TARGET
        assert decided(known, releases, board="d2").rule is Rule.NO_TARGET


def test_new_releases_make_every_decision_new(tmp_path: Path) -> None:
    known = ProductTargets()
    releases = releases_of(tmp_path, "1.0.0")
    assert known.of("lamp", releases) is known.of("lamp", releases)
    assert decided(known, releases, version="1.0.0").verdict is Verdict.UP_TO_DATE
    releases = releases_of(tmp_path, "1.0.0", "1.1.0")
    assert decided(known, releases, version="1.0.0").verdict is Verdict.OFFER


def test_a_decision_looks_only_at_releases_that_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases, known = releases_of(tmp_path, "1.0.0", "2.0.0", "1.1.0"), ProductTargets()
    md5 = {str(release.version): release.images[0].md5 for release in releases}
    passed: list[list[str]] = []
    decide_update = deciding.decide_update

    def noted(report: Any, relevant: Any, *arguments: Any, **named: Any) -> Any:
        passed.append([str(release.version) for release in relevant])
        decision = decide_update(report, relevant, *arguments, **named)
        assert decision == decide_update(report, releases, *arguments, **named)
        return decision

    monkeypatch.setattr(deciding, "decide_update", noted)
    for said in (md5["1.0.0"], md5["2.0.0"], "0" * 32, None):
        for version in (None, "1.0.0", "3.0.0"):
            decided(known, releases, sketch_md5=said, version=version)
    assert max(map(len, passed)) == 2
    assert ["1.0.0", "2.0.0"] in passed
    assert all("2.0.0" in versions for versions in passed)


def test_strangers_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_MAX_REMEMBERED", 10)
    releases, known = releases_of(tmp_path, "1.0.0"), ProductTargets()
    remembered = known.of("lamp", releases).remembered
    for number in range(50):
        decided(known, releases, board=f"b{number}", version=f"2.{number}.0")
    # A board without a release is not remembered.
    assert remembered == {}
    for number in range(50):
        decided(known, releases, version=f"2.{number}.0")
    assert 0 < len(remembered) <= 10
    # What is not a product is not remembered at all.
    decided(known, (), product="no-product")
    assert list(known._targets) == ["lamp"]


def test_decisions_are_limited_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_targets, "_MAX_DECISIONS", 100)
    releases, known = releases_of(tmp_path, "1.0.0"), ProductTargets()
    for number in range(10):
        decided(known, releases, product="honest", version=f"2.{number}.0")
    for number in range(2000):
        decided(known, releases, product=f"p{number % 7}", version=f"2.{number}.0")
    kept = {name: len(targets.remembered) for name, targets in known._targets.items()}
    assert sum(kept.values()) <= 100 + product_targets._COUNT_EVERY
    # The products with the most are the ones to forget.
    assert kept["honest"] == 10
