"""The profiles that are there by name, each in the words of a profile's file."""

from __future__ import annotations

from collections.abc import Mapping

from acpublish.errors import SettingsError
from acpublish.simulation.fleet_profile import Profile
from acpublish.simulation.profile_file import read_profile

DEFAULT_PROFILE = "mixed"

BUILT_IN: Mapping[str, str] = {
    "healthy": """
description = "every device boots the new release"
""",
    "never-boots": """
description = "the new release boots nowhere: half of the devices roll back, half never come back"
[[kind]]
rolls_back = 50
dies = 50
""",
    "flaky": """
description = "the new release fails on a tenth of the devices, and downloads break off"
[[kind]]
rolls_back = 6
dies = 2
flashed = 2
breaks = 20
vanishes = 1
""",
    "sleepers": """
description = "devices that wake up once a day, and some that sleep for longer"
[[kind]]
poll = "24h"
jitter = 2
naps = 5
""",
    "night-off": """
description = "half of the plugs are off at night"
[[kind]]
name = "always on"
poll = "1h"
[[kind]]
name = "off at night"
poll = "1h"
off = "22:00-07:00"
""",
    "encrypted": """
description = "ESP32 with flash encryption, whose digests are in no release"
[[kind]]
board = "esp32dev"
chip = "esp32"
digests = "encrypted"
""",
    "server-down": """
description = "the server is down for a day, six hours after the start"
[[server_down]]
after = "6h"
for = "24h"
""",
    "network-away": """
description = "one site with most of the devices loses its network for two days"
[[kind]]
name = "the site"
share = 80
away_after = "30h"
away_for = "48h"
[[kind]]
name = "elsewhere"
share = 20
""",
    "mixed": """
description = "a fleet as it is: two boards, sleepers, plugs, old cores, and a few faults"
[rollout]
halt = "20,5%"
[[kind]]
name = "lamps"
share = 50
naps = 0.5
breaks = 2
rolls_back = 0.2
vanishes = 0.1
[[kind]]
name = "plugs"
share = 20
poll = "3h"
off = "23:00-06:00"
breaks = 5
vanishes = 0.1
[[kind]]
name = "sensors on batteries"
share = 20
board = "esp32dev"
chip = "esp32"
digests = "both"
poll = "12h"
speed = 80
dies = 0.1
[[kind]]
name = "encrypted"
share = 5
board = "esp32dev"
chip = "esp32"
digests = "encrypted"
[[kind]]
name = "old cores"
share = 3
mac = false
[[kind]]
name = "flashed by cable"
share = 2
flashed = 20
lies = 5
""",
}


def built_in(name: str) -> Profile:
    """Returns a profile by its name.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in BUILT_IN:
        raise SettingsError(
            f"{name[:40]!a} is not the name of a profile",
            hint=f"Use one of {', '.join(sorted(BUILT_IN))}, or the path of a TOML file.",
        )
    return read_profile(BUILT_IN[name], name)
