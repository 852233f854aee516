"""The profile of a simulated fleet: what kinds of device it has, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from acpublish.errors import SettingsError
from acpublish.fleet.moments import DAY_S
from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, DEFAULT_STAGES, Policy, Window
from acpublish.wire import Family

Digests = Literal["md5", "sha256", "both", "none", "encrypted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A time in which somebody is away.

    Attributes:
        after: When it begins, in seconds after the start of the rollout.
        lasts: How long it lasts, in seconds.
    """

    after: int = 0
    lasts: int = DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of device. Faults are percentages of its devices, unless they say otherwise.

    Attributes:
        name: What people call it.
        share: Its weight among the kinds.
        board: The board that its devices request updates for.
        chip: Their chip, as esptool spells it.
        poll: How often they check in, in seconds.
        jitter: By how much each interval varies, in percent.
        skew: By how much the clock of a device is too fast or too slow at most, in percent.
        speed: How fast they download, in kilobytes a second.
        boot: How long they take from the end of a download to the next check-in, in seconds.
        digests: Which digests they report; ``encrypted`` is one that no release has.
        mac: Whether they report their MAC addresses.
        claims: The version that they report, whatever they run; empty for what they run.
        runs: The release that they run at first.
        free_space: The space for an update that they report, in bytes; None to report none.
        chip_size: The size of their flash that they report, in bytes; None to report none.
        off: When their plugs are off; None for never.
        naps: After how many of 100 check-ins they sleep for a day.
        away: When their network is away; None for never.
        rolls_back: On how many the new release does not boot, so that the old one comes back.
        dies: How many never come back with the new release.
        lies: How many claim the new release, though it did not boot.
        flashed: How many come back with something else, as if somebody had flashed them by cable.
        breaks: How many of 100 downloads break off.
        vanishes: How many go silent for good in the week after the start, whatever they run.
    """

    name: str = ""
    share: float = 1.0
    board: str = "d1_mini"
    chip: str = "esp8266"
    poll: int = 6 * 3600
    jitter: float = 10.0
    skew: float = 1.0
    speed: float = 30.0
    boot: int = 10
    digests: Digests = "md5"
    mac: bool = True
    claims: str = ""
    runs: str = "1.0.0"
    free_space: int | None = None
    chip_size: int | None = None
    off: Window | None = None
    naps: float = 0.0
    away: Absence | None = None
    rolls_back: float = 0.0
    dies: float = 0.0
    lies: float = 0.0
    flashed: float = 0.0
    breaks: float = 0.0
    vanishes: float = 0.0

    @property
    def family(self) -> Family:
        """The family of the chip."""
        return "esp8266" if self.chip == "esp8266" else "esp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A simulated fleet.

    Attributes:
        name: The name by which people choose it.
        description: One line for people.
        kinds: The kinds of device, at least one.
        image_size: The size of the new image, in bytes.
        known_for: How long the devices are known before the rollout starts, in seconds; None for
            long enough that each has checked in three times.
        lasts: When the simulation ends at the latest, in seconds after the start.
        rollout: The options of the policy, by their names.
        server_down: When the server is away.
    """

    name: str = "a profile"
    description: str = ""
    kinds: tuple[Kind, ...] = (Kind(),)
    image_size: int = 400_000
    known_for: int | None = None
    lasts: int = 21 * DAY_S
    rollout: Mapping[str, str] = field(default_factory=dict)
    server_down: tuple[Absence, ...] = ()

    @property
    def start_s(self) -> int:
        """When the rollout starts, in seconds after the first device appears."""
        if self.known_for is not None:
            return self.known_for
        longest = max(
            kind.poll * (1 + kind.jitter / 100) * (1 + kind.skew / 100) for kind in self.kinds
        )
        off = DAY_S if any(kind.off for kind in self.kinds) else 0
        # Three check-ins show a device well enough for its silence to mean anything.
        return int(3.2 * longest) + off

    def policy(self, **options: str | None) -> Policy:
        """Returns the policy of the profile, with what the options say instead.

        Args:
            options: Options of :meth:`Policy.parse`, and ``stages``; None for what the profile has.

        Raises:
            SettingsError: An option is malformed, or the policy could never work.
        """
        chosen = {**self.rollout, **{key: text for key, text in options.items() if text}}
        policy = Policy.parse(
            chosen.get("stages", DEFAULT_STAGES),
            soak=chosen.get("soak", DEFAULT_SOAK),
            halt=chosen.get("halt", DEFAULT_HALT),
            on_halt=chosen.get("on_halt", "stop"),
            window=chosen.get("window"),
        )
        marks = [stage.text for stage in policy.stages if stage.name]
        if marks:
            raise SettingsError(
                f"the stage {marks[0]} reaches nobody, because simulated devices have no tags and "
                "no groups",
                hint="Use numbers and shares, such as --stages 1,10%,50%,100%.",
            )
        return policy
