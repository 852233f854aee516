from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.fleet.policy import Window
from acpublish.simulation.fleet_profile import Absence, Kind, Profile
from acpublish.simulation.profile_file import read_profile

WHOLE = """
description = "all of it"
image_size = 1000
known_for = "2d"
lasts = "9d"
[rollout]
stages = "5,100%"
soak = "1h"
[[server_down]]
after = "6h"
for = "12h"
[[kind]]
name = "plugs"
share = 2
board = "esp32dev"
chip = "esp32"
poll = "15m"
digests = "both"
mac = false
off = "22:00-07:00"
away_after = "1h"
away_for = "2h"
dies = 2.5
free_space = 500000
"""


def test_a_whole_profile_is_read() -> None:
    profile = read_profile(WHOLE, "plugs.toml")
    assert profile == Profile(
        name="plugs.toml",
        description="all of it",
        kinds=(
            Kind(
                name="plugs",
                share=2.0,
                board="esp32dev",
                chip="esp32",
                poll=900,
                digests="both",
                mac=False,
                off=Window("22:00-07:00", 79200, 25200),
                away=Absence(after=3600, lasts=7200),
                dies=2.5,
                free_space=500_000,
            ),
        ),
        image_size=1000,
        known_for=172_800,
        lasts=9 * 86_400,
        rollout={"stages": "5,100%", "soak": "1h"},
        server_down=(Absence(after=21_600, lasts=43_200),),
    )


def test_everything_has_a_default() -> None:
    assert read_profile("", "empty") == Profile(name="empty")


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("[", "is not valid TOML", "docs/reference/simulation.md"),
        ("speed = 3", "'speed' is not a key", "description, image_size, known_for"),
        ("kind = 3", "[[kind]] is not an array of tables", "simulation.md"),
        ("[[kind]]\nspeeed = 3", "kind 1: 'speeed' is not a key", "skew, speed, vanishes"),
        ("[[kind]]\npoll = 3600", "kind 1: poll: '3600' is not valid", "Write a text"),
        ("[[kind]]\npoll = '1w'", "poll: '1w' is not a duration", "90s, 15m, 24h or 7d"),
        ("[[kind]]\npoll = '1s'", "poll: '1s' is not valid", "from 60s to 90d"),
        ("[[kind]]\ndies = 101", "dies: '101' is not valid", "from 0 to 100 percent"),
        ("[[kind]]\ndies = true", "dies: 'True' is not valid", "from 0 to 100 percent"),
        ("[[kind]]\ndies = nan", "dies: 'nan' is not valid", "from 0 to 100 percent"),
        ("[[kind]]\nmac = 1", "mac: '1' is not valid", "true or false"),
        ("[[kind]]\nchip = 'z80'", "chip: 'z80' is not valid", "esp8266 or esp32c3"),
        ("[[kind]]\nboard = 'Ä'", "kind 1: board: ", ""),
        ("[[kind]]\nboard = ['x']", "board: \"['x']\" is not valid", "a text"),
        ("[[kind]]\ndigests = 'crc'", "digests: 'crc' is not valid", "md5, sha256, both"),
        ("[[kind]]\noff = '25:00-26:00'", "off: 25:00 is not a time of the day", "--window"),
        ('[[kind]]\nname = "a\\nb"', "name: ", "printable"),
        ("[[kind]]\ndies = 60\nlies = 60", "more than 100 % together", "lower one"),
        ("[[kind]]\nshare = 0", "no kind of device with a share above 0", "simulation.md"),
        ("[[kind]]\n[[kind]]\nchip = 'esp32'", "d1_mini has two chips, esp8266 and", "own board"),
        ("[rollout]\nstages = '100%,1'", "mine.toml: rollout: the stage", "stages that rise"),
        ("[rollout]\nstage = '1'", "rollout: ", "stages, soak, halt, on_halt, window"),
        ("[rollout]\nstages = 1", "rollout: ", "a text"),
        ("[[server_down]]\nfor = '0s'", "server_down 1: for: '0s' is not valid", "1s to 90d"),
        (
            "[[server_down]]\n[[server_down]]\nafter = '1h'",
            "two [[server_down]] tables overlap",
            "after the first",
        ),
        ("[[kind]]\n" * 101, "more than 100 tables", "simulation.md"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, problem: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_profile(text, "mine.toml")
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)
