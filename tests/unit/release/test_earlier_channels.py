from __future__ import annotations

from acpublish.release.earlier_channels import from_manifests
from tests.unit.release.making import release
from tests.unit.release.publishing import D1, v


def test_older_manifests_say_what_the_channels_point_at() -> None:
    releases = [
        release("1.0.0", channels={"stable": 1, "beta": 3}),
        release("1.1.0", channels={"stable": 2}),
        release("1.2.0", channels={}),
    ]
    channels = from_manifests(releases)
    assert (channels.serial, channels.stored, channels.history) == (3, False, ())
    assert set(channels.images) == {v("1.0.0"), v("1.1.0")}
    now = {name: channels.current(name, D1) for name in ("stable", "beta")}
    assert {name: str(one.version) for name, one in now.items() if one} == {
        "stable": "1.1.0",
        "beta": "1.0.0",
    }
    complete = [one for one in releases if one.images[0].channels]
    assert channels.applied(releases) == tuple(complete)
