"""The checks once more on what is published: the same that a publish of it again would find."""

from __future__ import annotations

from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.candidate import Candidate
from acpublish.release.checks.again import checked_again
from tests.unit.catalog.holding import ANY_ORDER, put


def _again(catalog: DirectoryCatalog, version: str, data: bytes | None = None) -> dict[str, str]:
    releases = catalog.releases("lamp")
    release = next(release for release in releases if str(release.version) == version)
    image = release.images[0]
    candidate = Candidate.of(data or catalog.read_object(image.sha256))
    results = checked_again(release, image, candidate, releases, ())
    return {result.check.name: result.outcome for result in results}


def test_what_was_in_order_is_in_order(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        put(catalog, version, compress=True)
    for version in ("1.0.0", "1.1.0"):
        outcomes = _again(catalog, version)
        # A higher release that came later is not held against this one.
        assert outcomes["version-order"] == "ok"
        assert outcomes["damaged"] == "ok"
        assert not {"error", "warning", "skipped"} & set(outcomes.values())


def test_what_was_skipped_is_skipped_and_damage_is_found(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog, "1.1.0")
    put(catalog, "1.0.0", skipped_checks=ANY_ORDER)
    assert _again(catalog, "1.0.0")["version-order"] == "skipped"
    data = bytearray(catalog.read_object(catalog.releases("lamp")[0].images[0].sha256))
    data[len(data) // 2] ^= 1
    assert _again(catalog, "1.0.0", bytes(data))["damaged"] == "error"
