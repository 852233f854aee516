"""The policy of a rollout: its stages, soak, halt and window, as people write them.

1. A stage is a number of devices of each board, a share, ``tag:NAME`` or ``group:NAME``.
2. Numbers come before shares and both rise, because a stage that adds nobody proves nothing.
3. There is one soak for all stages, or one for each.
4. ``--halt 3,5%`` halts at three failures, or once 5 % of the judged devices have failed and at
   least three were judged; both in each stage and in all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, cast, get_args

from acpublish.errors import SettingsError
from acpublish.fleet.moments import DAY_S
from acpublish.release import names
from acpublish.release.durations import as_written, duration, in_words, of_seconds

StageKind = Literal["number", "share", "tag", "group"]
OnHalt = Literal["stop", "order-back"]
#: Shares are counted in millionths.
MILLION = 1_000_000
MAX_STAGES = 32
DEFAULT_STAGES = "1,10%,50%,100%"
DEFAULT_SOAK = "24h"
DEFAULT_HALT = "3,5%"
_MAX_CHARACTERS = 2000
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%\Z")
_WINDOW = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})\Z")
_STAGES_HINT = "Write stages that rise, such as --stages 1,10%,50%,100%."
_HALT_HINT = "Write a number of devices and a share, such as --halt 3,5%."
_WINDOW_HINT = "Write two times of the day, such as --window 02:00-05:00."


class Stage(NamedTuple):
    """One stage.

    Attributes:
        text: As it was written.
        kind: What it counts.
        amount: The number of devices of each board, or the share in millionths.
        name: The tag or group.
    """

    text: str
    kind: StageKind
    amount: int = 0
    name: str = ""

    @property
    def everybody(self) -> bool:
        """Whether it reaches all devices."""
        return self.kind == "share" and self.amount == MILLION


class Window(NamedTuple):
    """The part of the day in which devices are offered anything, in seconds since midnight."""

    text: str
    start_s: int
    end_s: int

    def is_open(self, second_of_day: int) -> bool:
        """Returns whether it is open; it may extend past midnight."""
        if self.start_s < self.end_s:
            return self.start_s <= second_of_day < self.end_s
        return second_of_day >= self.start_s or second_of_day < self.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a release goes to a channel.

    Attributes:
        stages: The stages, at least one.
        soak_s: The least time that each stage lasts, in seconds.
        halt_count: The number of failures that halts it, in a stage or in all.
        halt_share: The share of failures among judged devices that halts it, in millionths; None
            if only the number counts.
        on_halt: Whether the devices that got the release are ordered back.
        at_once: Whether they go back all at once, and not in stages.
        window: When devices are offered it; None for always.
    """

    stages: tuple[Stage, ...]
    soak_s: tuple[int, ...]
    halt_count: int
    halt_share: int | None
    on_halt: OnHalt = "stop"
    at_once: bool = False
    window: Window | None = None

    @classmethod
    def parse(
        cls,
        stages: str,
        *,
        soak: str = DEFAULT_SOAK,
        halt: str = DEFAULT_HALT,
        on_halt: str = "stop",
        at_once: bool = False,
        window: str | None = None,
    ) -> Policy:
        """Reads a policy as the options of a command have it.

        Raises:
            SettingsError: An option is malformed, or the policy could never work.
        """
        parsed = _stages(stages)
        count, share = _halt(halt)
        if on_halt not in get_args(OnHalt):
            raise SettingsError(
                f"{on_halt[:40]!r} is not something to do on a halt",
                hint="Use --on-halt stop or --on-halt order-back.",
            )
        if at_once and on_halt != "order-back":
            raise SettingsError(
                "--at-once has no effect, because no device is ordered back",
                hint="Add --on-halt order-back, or leave --at-once out.",
            )
        return cls(
            stages=parsed,
            soak_s=_soaks(soak, len(parsed)),
            halt_count=count,
            halt_share=share,
            on_halt=cast("OnHalt", on_halt),
            at_once=at_once,
            window=None if window is None else _window(window),
        )

    @classmethod
    def from_dict(cls, document: Any) -> Policy:
        """Reads a policy from JSON types.

        Raises:
            SettingsError: The document is not a policy.
        """
        fields: Mapping[str, Any] = document if isinstance(document, dict) else {}
        window = fields.get("window")
        return cls.parse(
            _joined(fields, "stages"),
            soak=_joined(fields, "soak"),
            halt=str(fields.get("halt")),
            on_halt=str(fields.get("on_halt")),
            at_once=fields.get("at_once") is True,
            window=None if window is None else str(window),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        share = "" if self.halt_share is None else f",{_percent(self.halt_share)}"
        return {
            "stages": [stage.text for stage in self.stages],
            "soak": [f"{seconds}s" for seconds in self.soak_s],
            "halt": f"{self.halt_count}{share}",
            "on_halt": self.on_halt,
            "at_once": self.at_once,
            "window": None if self.window is None else self.window.text,
        }

    def in_words(self) -> dict[str, str]:
        """Returns it for a person, by the names of the options of a command."""
        soaks = [in_words(of_seconds(seconds)) for seconds in self.soak_s]
        back = "order its devices back" + (" at once" if self.at_once else " in stages")
        return {
            "stages": ", ".join(stage.text for stage in self.stages),
            "soak": soaks[0] if len(set(soaks)) == 1 else ", ".join(soaks),
            "halt": halt_in_words(self.to_dict()["halt"]),
            "on halt": back if self.on_halt == "order-back" else "stop",
            "window": self.window.text if self.window else "always",
        }


def in_short(document: Mapping[str, Any]) -> str:
    """Returns a policy for a line of a list, without what it has unless somebody says otherwise.

    Args:
        document: The policy as JSON types; one of a newer version cannot be read.
    """
    try:
        policy = Policy.from_dict(document)
    except SettingsError:
        return "set by a newer version of acpublish"
    soaks = [as_written(of_seconds(seconds)) for seconds in policy.soak_s]
    halt = document["halt"]
    parts = (
        ",".join(stage.text for stage in policy.stages),
        f"soak {soaks[0] if len(set(soaks)) == 1 else ','.join(soaks)}",
        "" if halt == DEFAULT_HALT else f"halt {halt}",
        policy.in_words()["on halt"] if policy.on_halt == "order-back" else "",
        f"window {policy.window.text}" if policy.window else "",
    )
    return ", ".join(filter(None, parts))


def halt_in_words(halt: str) -> str:
    """Returns when a rollout halts for a person: ``3 failures, or 5%`` for ``3,5%``."""
    count, comma, share = halt.partition(",")
    return f"{count} failure{'' if count == '1' else 's'}" + (f", or {share}" if comma else "")


def _joined(fields: Mapping[str, Any], name: str) -> str:
    values = fields.get(name)
    if not isinstance(values, list) or not values:
        raise SettingsError(
            f"the policy has no {name}", hint="Set the policy again, with its stages."
        )
    return ",".join(map(str, values))


def _percent(millionths: int) -> str:
    # Python writes 100 % as 1E+2 once it is normalized.
    return f"{(Decimal(millionths) / (MILLION // 100)).normalize():f}%"


def _parts(text: str, hint: str) -> list[str]:
    if len(text) > _MAX_CHARACTERS:
        raise SettingsError("the policy is too long", hint=hint)
    return [part.strip() for part in text.split(",")]


def _stages(text: str) -> tuple[Stage, ...]:
    parts = _parts(text, _STAGES_HINT)
    if len(parts) > MAX_STAGES:
        raise SettingsError(f"there are more than {MAX_STAGES} stages", hint=_STAGES_HINT)
    stages: list[Stage] = []
    for part in parts:
        stage = _stage(part)
        fault = _adds_nobody(stage, stages)
        if fault:
            raise SettingsError(f"the stage {part!r} {fault}", hint=_STAGES_HINT)
        stages.append(stage)
    return tuple(stages)


def _stage(text: str) -> Stage:
    kind, colon, name = text.partition(":")
    if colon and kind in ("tag", "group"):
        if not names.is_name(name):
            raise SettingsError(
                f"{name[:40]!r} is not the name of a {kind}",
                hint=f"Write a stage such as {kind}:canary, in lower-case letters and digits.",
            )
        return Stage(text, cast("StageKind", kind), name=name)
    if _NUMBER.match(text):
        return Stage(text, "number", int(text))
    share = _share(text)
    if share is None:
        raise SettingsError(
            f"{text[:40]!r} is not a stage",
            hint="A stage is a number such as 1, a share such as 10%, tag:NAME or group:NAME.",
        )
    return Stage(text, "share", share)


def _share(text: str) -> int | None:
    """Returns a share in millionths, None if the text is not one from 0 to 100 %."""
    match = _SHARE.match(text)
    millionths = int(Decimal(match[1]) * (MILLION // 100)) if match else None
    return millionths if millionths is not None and millionths <= MILLION else None


def _adds_nobody(stage: Stage, before: Sequence[Stage]) -> str:
    """Returns why a stage reaches nobody that those before it do not; empty if it may."""
    if stage.kind in ("number", "share") and not stage.amount:
        return "reaches nobody"
    if any(other.everybody for other in before):
        return "reaches nobody, because all devices come before it"
    if stage.kind in ("tag", "group"):
        repeated = any((other.kind, other.name) == (stage.kind, stage.name) for other in before)
        return "is there twice" if repeated else ""
    if stage.kind == "number" and any(other.kind == "share" for other in before):
        return "is a number after a share, which may reach more"
    same = [other for other in before if other.kind == stage.kind]
    if same and same[-1].amount >= stage.amount:
        return f"does not reach more than {same[-1].text!r} before it"
    return ""


def _soaks(text: str, stages: int) -> tuple[int, ...]:
    parts = _parts(text, "Write one soak such as --soak 24h, or one for each stage.")
    soaks = tuple(int(duration(part).total_seconds()) for part in parts)
    if len(soaks) == 1:
        return soaks * stages
    if len(soaks) != stages:
        raise SettingsError(
            f"there are {len(soaks)} soaks for {stages} stage{'' if stages == 1 else 's'}",
            hint="Write one soak for all stages, or one for each.",
        )
    return soaks


def _halt(text: str) -> tuple[int, int | None]:
    parts = _parts(text, _HALT_HINT)
    if len(parts) > 2 or not _NUMBER.match(parts[0]):
        raise SettingsError(f"{text[:40]!r} is not a threshold", hint=_HALT_HINT)
    count = int(parts[0])
    if not count:
        raise SettingsError("a rollout cannot halt at 0 failures", hint=_HALT_HINT)
    if len(parts) == 1:
        return count, None
    share = _share(parts[1])
    if not share:
        raise SettingsError(
            f"{parts[1][:40]!r} is not a share between 0% and 100%", hint=_HALT_HINT
        )
    return count, share


def _window(text: str) -> Window:
    match = _WINDOW.match(text)
    if match is None:
        raise SettingsError(f"{text[:40]!r} is not a window", hint=_WINDOW_HINT)
    times = []
    for hour, minute in ((match[1], match[2]), (match[3], match[4])):
        seconds = int(hour) * 3600 + int(minute) * 60
        if int(minute) > 59 or seconds > DAY_S:
            raise SettingsError(f"{hour}:{minute} is not a time of the day", hint=_WINDOW_HINT)
        times.append(seconds)
    start, end = times
    if start == end or (start, end) == (DAY_S, 0):
        raise SettingsError(f"the window {text} never opens", hint=_WINDOW_HINT)
    return Window(text, start, end)
