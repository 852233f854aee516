"""What a server asks of the fleet for each request of a device, in this order.

1. :meth:`FleetServing.checked_in` takes a check-in in, and decides.
2. :meth:`FleetServing.offered` notes an offer, which has to be stored before its first byte is
   sent; if it cannot be, :meth:`FleetServing.taken_back`.
3. :meth:`FleetServing.ended` notes what became of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from typing import NamedTuple

from acpublish.bounded import BoundedDict
from acpublish.control.fleet_product import FleetProduct
from acpublish.control.fleet_state import FleetState
from acpublish.control.newcomers import network_of
from acpublish.fleet.deciding import FleetDecision, decide, withheld
from acpublish.fleet.evidence import checked_in, concluded_for, delivered, offered
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Device, became, device_id, heard
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import Part
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.release.manifest import Release
from acpublish.wire import Mode, Report

_log = logging.getLogger("acpublish.fleet")

#: After so many requests in a row that heard to come back, a device is served whatever the limit.
_TURNS = 5
_MAX_RANGES = 20_000
#: Who has got so much of an image by ranges, or so many bytes, goes on with it whatever the limit,
#: for as long as a device may need between two ranges.
_BEGUN_SHARE, _BEGUN_BYTES, _BEGUN_S = 1 / 8, 64 * 1024, 600.0
#: The share of the images on their way that one address may have. It is large, because a whole
#: fleet may be behind one router; still, no single address keeps everyone else waiting.
_SHARE_OF_ADDRESS = 0.75
#: For each product; a MAC address may be spelled in several ways.
_MAX_STEADY = 200_000
#: Decisions that are not the same for all that report the same, or not for long.
_OF_ONE_DEVICE = frozenset({Rule.WITHHELD, Rule.RECEIVED_UNVERIFIED, Rule.FILESYSTEM_RECEIVED})


class DeviceRequest(NamedTuple):
    """What a device requests.

    Attributes:
        report: What it sent about itself.
        address: The IP address that it comes from.
        agent: Its User-Agent.
        board: The board in the URL.
        channel: The channel in the URL.
        installs: Whether it would install an image: not with HEAD, and not for a version.
    """

    report: Report
    address: str | None
    agent: str
    board: str
    channel: str
    installs: bool


class Case(NamedTuple):
    """A check-in that was taken in, and the decision on it.

    Attributes:
        device: The device.
        own: What is known of its product.
        generation: That of the product, on which the decision depends.
        request: What it requests.
        decided: What it gets.
    """

    device: Device
    own: FleetProduct
    generation: int
    request: DeviceRequest
    decided: FleetDecision

    @property
    def decision(self) -> Decision:
        """What the device gets, with the reason that the fleet has for it."""
        decided = self.decided
        reason = decided.reason
        decision = decided.decision
        return decision if reason == decision.reason else replace(decision, reason=reason)

    @property
    def shared(self) -> bool:
        """Whether all devices that report the same are up to date, until the generation changes."""
        decision = self.decided.decision
        return decision.verdict is Verdict.UP_TO_DATE and decision.rule not in _OF_ONE_DEVICE


class _Ranges(NamedTuple):
    """Up to where a device has got a file by ranges, of how many bytes, and when it last did."""

    file_sha256: str | None
    so_far: int = 0
    file_bytes: int = 0
    at: float = 0.0

    def goes_on(self, now: Moment) -> bool:
        """Returns whether the device has got a real part of it, and is still at it."""
        enough = min(self.file_bytes * _BEGUN_SHARE, _BEGUN_BYTES)
        return self.so_far >= enough and 0 <= now.at - self.at < _BEGUN_S


class FleetServing:
    """Takes in check-ins, and decides what each device gets."""

    def __init__(self, state: FleetState, max_offers: int) -> None:
        """Prepares to serve.

        Args:
            state: The fleet.
            max_offers: How many images may be on their way at a time before other devices are
                asked to come back.
        """
        self.state = state
        self._max_offers = max_offers
        self._most_of_address = max(int(max_offers * _SHARE_OF_ADDRESS), 1)
        self._on_their_way = 0
        self._of_address: Counter[str | None] = Counter()
        #: By device, so that all who wait have their turn, however many there are.
        self._turned_away: BoundedDict[str, int] = BoundedDict(state.capacity)
        #: Up to where a device has got an image by ranges, one after the other.
        self._ranges: BoundedDict[str, _Ranges] = BoundedDict(_MAX_RANGES)

    def checked_in(
        self, request: DeviceRequest, product: str, releases: tuple[Release, ...]
    ) -> Case | None:
        """Takes in a check-in, and decides what the device gets.

        Args:
            request: What it requests.
            product: The product.
            releases: The releases of the product.

        Returns:
            None if it is not a device, or one too many.
        """
        state = self.state
        report, address, board, channel = (
            request.report,
            request.address,
            request.board,
            request.channel,
        )
        key = device_id(product, report, address, request.agent)
        if key is None:
            return None
        now = state.clock.now()
        own = state.using(product, releases)
        device = own.devices.get(key) or state.admitted(key, address, now)
        if device is None:
            return None
        before = state.news.before(device)
        self._hear(own, device, request, now)
        decided = decide(
            device, report, own.targets, board, channel, own.lives, now, store_away=bool(state.away)
        )
        if decided.decision.verdict is Verdict.OFFER:
            if state.unread:
                decided = withheld(decided, FleetRule.STORE_AWAY, state.unread)
            elif request.installs:
                decided = self._in_turn(device, decided, address)
        # What a filesystem lacks would otherwise be news at each request, and so would what the
        # firmware lacks, because devices ask for both in turn.
        if report.mode is not Mode.FILESYSTEM and concluded_for(device, decided):
            named = f"{device.name} ({device.id})" if device.name else device.id
            _log.warning("%s: %s", named, decided.reason)
        state.note(device)
        state.news.device_changed(device, before, now.at, decided.reason)
        return Case(device, own, own.generation, request, decided)

    def again(self, product: str, report: Report, address: str | None, remembered: object) -> bool:
        """Takes in a request that a device has sent before, if it gets the same for it.

        Args:
            product: The product.
            report: What it sent about itself.
            address: The IP address that it comes from.
            remembered: What is remembered of the request (:meth:`remember`).

        Returns:
            Whether it gets the same; if not, :meth:`checked_in` decides.
        """
        own = self.state.products.get(product)
        steady = None if own is None or report.mac is None else own.steady.get(report.mac)
        if steady is None or steady[1] is not remembered:
            return False
        device = steady[0]
        if steady[2] != device.epoch or device.address != address or device.report != report:
            return False
        heard(device, report, address, device.board, device.channel, self.state.clock.now())
        self.state.note_check_in(device)
        return True

    def remember(self, case: Case, remembered: object) -> None:
        """Notes that a device gets the same for the same request, until something changes."""
        own, device, mac = case.own, case.device, case.request.report.mac
        if mac is None or case.generation != own.generation:
            return
        if len(own.steady) >= _MAX_STEADY:
            own.steady.clear()
        own.steady[mac] = (device, remembered, device.epoch)

    def _hear(self, own: FleetProduct, device: Device, request: DeviceRequest, now: Moment) -> None:
        """Updates a device, and judges it in its rollouts, which may halt."""
        state, lives = self.state, own.lives
        if (device.board, device.channel) != (request.board, request.channel):
            device.epoch += 1
        before = [(live, live.rollout, live.progress.get(device.id)) for live in lives]
        checked_in(
            device,
            request.report,
            request.address,
            request.board,
            request.channel,
            own.targets,
            lives,
            own.devices,
            now,
        )
        for live, rollout, part in before:
            after = live.progress.get(device.id)
            if after is not part:
                state.note_part(live, device, after)
            if live.rollout is not rollout:
                state.moved(live)

    def seen(self, request: DeviceRequest, product: str, releases: tuple[Release, ...]) -> None:
        """Takes in a request for a file by its name, on which the fleet has no say."""
        state = self.state
        key = device_id(product, request.report, request.address, request.agent)
        if key is None:
            return
        now = state.clock.now()
        own = state.using(product, releases)
        device = own.devices.get(key) or state.admitted(key, request.address, now)
        if device is not None:
            before = state.news.before(device)
            self._hear(own, device, request._replace(channel=device.channel), now)
            state.note(device)
            state.news.device_changed(device, before, now.at)

    def _in_turn(
        self, device: Device, decided: FleetDecision, address: str | None
    ) -> FleetDecision:
        """Asks a device to come back if too many images are on their way, but not for ever."""
        turns = self._turned_away.get(device.id, 0)
        if not self._are_too_many(address) or turns >= _TURNS:
            return decided
        ranges = self._ranges.get(device.id)
        if ranges is not None and ranges.goes_on(self.state.clock.now()):
            return decided
        self._turned_away[device.id] = turns + 1
        reason = f"{self._on_their_way} devices are being updated; it gets its turn later"
        return withheld(decided, FleetRule.NEWEST, reason)

    def _are_too_many(self, address: str | None) -> bool:
        """Returns whether too many images are on their way, in all or to one address."""
        if self._on_their_way >= self._max_offers:
            return True
        if self._of_address[network_of(address)] < self._most_of_address:
            return False
        return address is None or not self.state.newcomers.shared(address)

    def _has_left(self, address: str | None) -> None:
        """Notes that one of the images is not on its way any more."""
        self._on_their_way -= 1
        network = network_of(address)
        self._of_address[network] -= 1
        if self._of_address[network] <= 0:
            del self._of_address[network]

    def offered(self, case: Case) -> Future[None] | None:
        """Notes an offer that is about to be sent.

        Returns:
            What is done once the offer is stored, which its first byte has to wait for; None if
            it has to wait for nothing.
        """
        device, decided = case.device, case.decided
        self._on_their_way += 1
        self._of_address[network_of(case.request.address)] += 1
        self._turned_away.pop(device.id, None)
        now = self.state.clock.now()
        part = offered(decided, device, case.request.report, now)
        live = decided.choice.live
        if part is None or live is None:
            self.state.note(device)
            return None
        return self.state.keep_offer(live, device, part)

    def taken_back(self, case: Case, before: Part | None, part: Part | None) -> None:
        """Takes back an offer that could not be stored.

        Args:
            case: The check-in that it was made to.
            before: The device's part in the rollout before.
            part: Its part after the offer; if it has another one by now, that stays.
        """
        self._has_left(case.request.address)
        device, decided = case.device, case.decided
        live, release = decided.choice.live, decided.decision.release
        if case.own.devices.get(device.id) is not device:
            # It was forgotten meanwhile.
            return
        if release is not None:
            became(device, str(release.version), "not sent")
        if live is not None and live.progress.get(device.id) is part:
            if before is None:
                live.progress.remove(device.id)
            else:
                live.progress.put(device.id, before)
            self.state.note_part(live, device, before)
        self.state.note(device)

    def part(self, case: Case) -> Part | None:
        """Returns the device's part in the rollout that makes an offer."""
        live = case.decided.choice.live
        return None if live is None else live.progress.get(case.device.id)

    def ended(
        self,
        case: Case,
        *,
        file_sha256: str | None,
        file_bytes: int,
        sent_bytes: int,
        drained: bool,
        first_byte: int = 0,
        answered: bool = True,
    ) -> None:
        """Notes what became of an offer.

        Args:
            case: The check-in that it was made to.
            file_sha256: The file that was sent: the image, or its gzip.
            file_bytes: Its size.
            sent_bytes: How many bytes of it were sent.
            drained: Whether the response was sent to its end.
            first_byte: Where in the file the response began.
            answered: Whether there was a response with the file at all; if not, the server is to
                blame, and nothing counts against the device. Neither does it for one that was
                forgotten meanwhile.
        """
        self._has_left(case.request.address)
        device = case.device
        if not answered or case.own.devices.get(device.id) is not device:
            return
        whole = drained and sent_bytes >= file_bytes
        if drained and not whole:
            # Who begins anew after a download that broke off has not got its bytes twice.
            before_it = self._ranges.get(device.id, _Ranges(file_sha256))
            so_far = before_it.so_far
            if not first_byte or before_it.file_sha256 != file_sha256:
                so_far = 0
            if first_byte <= so_far:
                so_far = max(so_far, first_byte + sent_bytes)
            whole = so_far >= file_bytes
            at = self.state.clock.now().at
            self._ranges[device.id] = _Ranges(file_sha256, so_far, file_bytes, at)
            if not whole:
                return
        self._ranges.pop(device.id, None)
        before, seen, now = self.part(case), self.state.news.before(device), self.state.clock.now()
        part = delivered(
            case.decided,
            device,
            case.request.report,
            case.request.address,
            case.own.targets,
            now,
            whole=whole,
        )
        self.state.news.device_changed(device, seen, now.at)
        live = case.decided.choice.live
        if live is not None and part is not before:
            self.state.note_part(live, device, part)
        self.state.note(device)
