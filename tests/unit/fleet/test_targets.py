"""What a product can offer, and which release a device runs."""

from __future__ import annotations

from acpublish.fleet.targets import Targets, recognise
from acpublish.release.decision import Target
from acpublish.release.version import Version
from acpublish.wire import Mode
from tests.unit.fleet.making import device, report, version

OLD = version("0.9.0", channels={"stable": 1, "beta": 2}, no_downgrade_below="0.9.0")
FILES = version("1.0.0", kind="filesystem", channels={"stable": 4})
C3 = version("1.0.0", board="c3", family="esp32", chip="esp32c3", channels={"stable": 5})
D1 = version("1.0.0", channels={"stable": 3})
ONE = D1.with_image(FILES.images[0]).with_image(C3.images[0])
TAKEN = version("1.1.0", channels={}, left_channels=("stable",), withdrawn="withdrawn")
TWO = version("2.0.0", channels={}, requires=">=1.0.0")
RELEASES = (OLD, ONE, TAKEN, TWO)
TARGETS = Targets(RELEASES)


def target(text: str, board: str = "d1") -> Target:
    found = TARGETS.of(text, board)
    assert found is not None
    return found


def test_a_channel_leads_to_the_release_that_it_points_at() -> None:
    settled = TARGETS.settled("d1", "stable")
    assert settled is target("1.0.0")
    assert TARGETS.settled("d1", "stable") is settled
    assert TARGETS.settled("d1", "beta") is target("0.9.0")
    assert TARGETS.settled("d1", "dev") is None
    assert TARGETS.settled("s3", "stable") is None
    files = TARGETS.settled("d1", "stable", "filesystem")
    assert files is not None
    assert files.image is FILES.images[0]


def test_a_version_leads_to_its_image_even_if_it_was_taken_back() -> None:
    assert target("1.1.0").image.withdrawn == "withdrawn"
    assert TARGETS.of("3.0.0", "d1") is None
    assert TARGETS.of("1.0.0", "s3") is None
    assert TARGETS.withdrawn("d1", "stable", "firmware")
    assert not TARGETS.withdrawn("d1", "beta", "firmware")


def test_earlier_releases_are_those_of_the_channel() -> None:
    assert TARGETS.earlier(target("1.0.0"), "stable") == [target("0.9.0")]
    assert TARGETS.earlier(target("2.0.0"), "stable") == [target("1.0.0"), target("0.9.0")]
    assert TARGETS.earlier(target("0.9.0"), "stable") == []
    assert TARGETS.earlier(target("2.0.0"), "dev") == []


def test_digests_say_what_a_device_runs() -> None:
    assert TARGETS.running(report("1.0.0"), "d1") == [Version.parse("1.0.0")]
    assert TARGETS.running(report("7.0.0"), "d1") == []
    assert TARGETS.running(report("1.0.0", sketch_md5=None), "d1") == []
    assert TARGETS.knows(report("1.1.0"))
    assert not TARGETS.knows(report("7.0.0"))


def test_few_releases_count_for_a_decision() -> None:
    assert TARGETS.relevant(report("0.9.0"), "d1", "stable") == (OLD, TWO)
    assert TARGETS.relevant(report("7.0.0"), "d1", "stable") == (TWO,)
    files = report("0.9.0", mode=Mode.FILESYSTEM)
    assert TARGETS.relevant(files, "d1", "stable") == (OLD, ONE, TWO)
    assert Targets(()).relevant(files, "d1", "stable") == ()


def test_a_requirement_is_read_once() -> None:
    requirement = TARGETS.requirement(target("2.0.0"))
    assert requirement is not None
    assert TARGETS.requirement(target("2.0.0")) is requirement
    assert TARGETS.requirement(target("1.0.0")) is None


def test_what_forbids_going_back() -> None:
    assert TARGETS.forbids_return(Version.parse("2.0.0"), target("1.0.0")) == ""
    assert TARGETS.forbids_return(Version.parse("2.0.0"), target("0.9.0")) == ""
    no_way = Targets((ONE, version("2.0.0", channels={}, no_downgrade_below="2.0.0")))
    fault = no_way.forbids_return(Version.parse("2.0.0"), target("1.0.0"))
    assert fault == "2.0.0 forbids going back below 2.0.0"
    assert no_way.forbids_return(Version.parse("2.0.0"), target("1.0.0")) is fault


def test_a_device_is_recognised_by_its_digest() -> None:
    made = device(said=report("1.0.0"))
    recognise(made, TARGETS)
    assert (made.runs, made.chip) == ("1.0.0", "esp8266")
    made.report = report("1.0.0", sketch_md5="0" * 32)
    recognise(made, TARGETS)
    assert (made.runs, made.chip) == (None, "esp8266")
    other = device(said=report("1.0.0", board="c3", family="esp32"), board="c3")
    recognise(other, TARGETS)
    assert (other.runs, other.chip) == ("1.0.0", "esp32c3")
