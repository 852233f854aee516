from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.fleet.policy import Window
from acpublish.simulation.fleet_profile import Kind, Profile


def test_a_fleet_is_known_until_its_silence_means_something() -> None:
    hourly = Kind(poll=HOUR_S, jitter=0, skew=0)
    assert Profile(kinds=(hourly,)).start_s == int(3.2 * HOUR_S)
    daily = Kind(poll=DAY_S, jitter=0, skew=0)
    assert Profile(kinds=(hourly, daily)).start_s == int(3.2 * DAY_S)
    off = Kind(poll=HOUR_S, jitter=0, skew=0, off=Window("22:00-07:00", 79200, 25200))
    assert Profile(kinds=(off,)).start_s == int(3.2 * HOUR_S) + DAY_S
    assert Profile(known_for=5).start_s == 5


def test_options_take_the_place_of_what_the_profile_says() -> None:
    profile = Profile(rollout={"stages": "2,100%", "soak": "1h"})
    policy = profile.policy(stages=None, soak="2h", halt=None)
    assert [stage.text for stage in policy.stages] == ["2", "100%"]
    assert policy.soak_s == (7200, 7200)
    assert [stage.text for stage in Profile().policy().stages] == ["1", "10%", "50%", "100%"]
    assert profile.policy(on_halt="order-back").on_halt == "order-back"
    assert str(profile.policy(window="02:00-05:00").window) != "None"


@pytest.mark.parametrize("stage", ["tag:canary", "group:lab"])
def test_simulated_devices_have_no_tags(stage: str) -> None:
    with pytest.raises(SettingsError, match=f"the stage {stage} reaches nobody"):
        Profile().policy(stages=f"{stage},100%")


@pytest.mark.parametrize(("chip", "family"), [("esp8266", "esp8266"), ("esp32c3", "esp32")])
def test_a_chip_has_its_family(chip: str, family: str) -> None:
    assert Kind(chip=chip).family == family
