"""The server of a simulation, in the same process: the rules of the fleet, and nothing else.

A simulator needs no more of a server than :meth:`InProcess.check`, :meth:`InProcess.delivered` and
the clock. It calls the functions of the fleet's room in the order in which a real server does
(:mod:`acpublish.fleet.evidence`).
"""

from __future__ import annotations

from acpublish.fleet.advancing import Live, survey, tick
from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.evidence import checked_in, delivered, offered
from acpublish.fleet.known_device import Device, device_id, new_device
from acpublish.fleet.moments import Moment
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Progress
from acpublish.fleet.rollout import State, started
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Verdict
from acpublish.simulation.simulated_releases import CHANNEL, PRODUCT, ROLLING
from acpublish.wire import Report

_AGENT = "ESP8266-http-Update"
#: The states in which a server still asks a rollout about each device.
_ASKED: frozenset[State] = frozenset({"running", "waiting", "paused", "halted"})


class InProcess:
    """A server that knows its devices and has at most one rollout.

    Attributes:
        devices: The devices by id.
        targets: What the product can offer.
        live: The rollout; None before it starts.
    """

    def __init__(self, targets: Targets, after: Targets, seed: int) -> None:
        """Starts to listen.

        Args:
            targets: What the product can offer before and during the rollout.
            after: What it can offer once the rollout is complete.
            seed: That of the rings.
        """
        self.devices: dict[str, Device] = {}
        self.targets = targets
        self.live: Live | None = None
        self._after = after
        self._seed = seed
        self._rollouts: list[Live] = []
        self._known: dict[int, Device] = {}

    def start(self, policy: Policy, boards: frozenset[str], now: Moment) -> None:
        """Starts the rollout.

        Args:
            policy: Its policy.
            boards: Its boards.
            now: The present.
        """
        rollout = started(
            f"seed-{self._seed}",
            product=PRODUCT,
            version=ROLLING,
            channel=CHANNEL,
            boards=boards,
            policy=policy,
            now=now,
        )
        self.live = Live(rollout, Progress(len(policy.stages)))
        self._rollouts = [self.live]

    def check(
        self, number: int, report: Report, address: str, board: str, now: Moment
    ) -> FleetDecision | None:
        """Takes in a check-in, and notes the offer if there is one.

        Args:
            number: The device, which always is the same one.
            report: What it reports.
            address: The IP address that it comes from.
            board: The board that it requests.
            now: The present.

        Returns:
            The offer; None if it gets nothing.
        """
        device = self._known.get(number)
        if device is None:
            device = self._first_seen(number, report, address, now)
        targets, rollouts = self.targets, self._rollouts
        checked_in(device, report, address, board, CHANNEL, targets, rollouts, self.devices, now)
        decided = decide(device, report, targets, board, CHANNEL, rollouts, now)
        if decided.decision.verdict is not Verdict.OFFER:
            return None
        offered(decided, device, report, now)
        return decided

    def delivered(
        self,
        number: int,
        decided: FleetDecision,
        report: Report,
        address: str,
        now: Moment,
        *,
        whole: bool,
    ) -> None:
        """Notes how a delivery ended; the arguments are those of :func:`delivered`."""
        device = self._known[number]
        delivered(decided, device, report, address, self.targets, now, whole=whole)

    def _first_seen(self, number: int, report: Report, address: str, now: Moment) -> Device:
        key = device_id(PRODUCT, report, address, _AGENT) or f"{PRODUCT}/{number}"
        device = self.devices.get(key)
        if device is None:
            device = self.devices[key] = new_device(key, now)
        self._known[number] = device
        return device

    def tick(self, now: Moment, survey_s: float) -> None:
        """Lets the rollout go on.

        Args:
            now: The present.
            survey_s: How long a walk through all devices holds good, in seconds.
        """
        live = self.live
        if live is None:
            return
        seen = live.progress.survey
        if seen is None or seen.tracks != live.rollout.tracks or now.heard >= seen.heard + survey_s:
            survey(live, self.devices.values(), now)
        tick(live, self.devices, now)
        if live.rollout.state not in _ASKED and self._rollouts:
            self._rollouts = []
            if live.rollout.state == "complete":
                self.targets = self._after
