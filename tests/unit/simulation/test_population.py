from __future__ import annotations

from collections import Counter

from acpublish.simulation.fleet_profile import Kind
from acpublish.simulation.population import FLASHED, Fate, Population, reported_md5
from tests.unit.simulation.making import profile


def test_each_kind_has_its_share() -> None:
    kinds = Kind(name="a", share=5), Kind(name="b", share=3), Kind(name="c", share=2)
    for devices in (1, 7, 10, 1000):
        made = Population(profile(*kinds), devices, 1)
        assert len(made) == len(made.reports) == len(made.addresses) == devices
    assert Counter(kind.name for kind in made.kinds) == {"a": 500, "b": 300, "c": 200}


def test_the_same_seed_makes_the_same_devices() -> None:
    of = profile(Kind(rolls_back=50, vanishes=50))
    first, again, other = (Population(of, 200, seed) for seed in (1, 1, 2))
    for name in ("periods", "fates", "vanish", "reports", "kinds"):
        assert getattr(first, name) == getattr(again, name)
    assert first.fates != other.fates
    assert first.vanish != other.vanish


def test_fates_are_as_frequent_as_the_profile_says() -> None:
    made = Population(profile(Kind(rolls_back=10, dies=20, lies=5, flashed=15)), 10_000, 1)
    counts = Counter(made.fates)
    for fate, percent in (
        (Fate.ROLLS_BACK, 10),
        (Fate.DIES, 20),
        (Fate.LIES, 5),
        (Fate.FLASHED, 15),
        (Fate.BOOTS, 50),
    ):
        assert abs(counts[fate] - percent * 100) < 200


def test_clocks_are_too_fast_or_too_slow() -> None:
    periods = Population(profile(Kind(poll=1000, skew=10.0)), 500, 1).periods
    assert 900 <= min(periods) < 920
    assert 1080 < max(periods) <= 1100


def test_devices_report_what_their_kind_reports() -> None:
    def report(kind: Kind, version: str = "1.0.0") -> tuple[str | None, str | None, str | None]:
        made = Population(profile(kind), 2, 1).report(1, version)
        return made.sketch_md5, made.sketch_sha256, made.mac

    known = reported_md5("1.0.0", "d1_mini")
    assert report(Kind()) == (known, None, "a4:cf:00:00:00:01")
    assert report(Kind(mac=False))[2] is None
    assert report(Kind(digests="none"))[:2] == (None, None)
    assert report(Kind(digests="sha256"))[0] is None
    assert None not in report(Kind(digests="both"))
    assert report(Kind(digests="encrypted"))[0] not in (None, known)
    assert report(Kind(digests="encrypted"))[0] != report(Kind(digests="encrypted"), "2.0.0")[0]
    assert report(Kind(), FLASHED)[0] not in (None, known)


def test_claims_and_sizes_are_reported() -> None:
    kind = Kind(claims="9.9.9", free_space=5, chip_size=7, chip="esp32")
    made = Population(profile(kind), 1, 1).reports[0]
    assert (made.version, made.free_space, made.chip_size) == ("9.9.9", 5, 7)
    assert (made.family, made.updater) == ("esp32", True)
    assert Population(profile(Kind()), 1, 1).report(0, "1.0.0", claim="2.0.0").version == "2.0.0"


def test_devices_of_a_site_share_its_address_and_old_cores_have_their_own() -> None:
    assert len(set(Population(profile(Kind()), 200, 1).addresses)) == 4
    assert len(set(Population(profile(Kind(mac=False)), 70_000, 1).addresses)) == 70_000
