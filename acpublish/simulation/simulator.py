"""The simulation itself: events in the order of their seconds, without any clock.

1. Each device has exactly one event to come, its next check-in or the end of its download. They are
   in a calendar with a page for each second, so only the seconds are in a heap.
2. A device that finds the server down, its network away or its plug off tries again later.
3. The server's rollout goes on in ticks, and looks at all devices now and then.
4. All that is left to chance comes from the seed, in the order of the events; so the same seed
   gives the same result, to the last byte.
"""

from __future__ import annotations

import gc
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.moments import DAY_S, HOUR_S, Listening, Moment
from acpublish.fleet.policy import Policy
from acpublish.fleet.targets import Targets
from acpublish.release.manifest import Release
from acpublish.simulation.behaviour import Behaviour
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.in_process import InProcess
from acpublish.simulation.population import Population
from acpublish.simulation.rehearsed import Rehearsed
from acpublish.simulation.simulated_releases import ROLLING, releases_of

#: A midnight, long after 1970: a window is open at the same hours in each simulation.
START_AT = 20_000 * DAY_S
TICK_S = 600
SURVEY_S = 2 * HOUR_S
#: Walking a large fleet takes seconds, so it is done less often: for a million every eleven hours.
_SURVEY_S_PER_DEVICE = 0.04
SAMPLE_S = HOUR_S
#: How long it goes on after the rollout has ended, to show that nothing more is offered.
AFTERWARDS_S = DAY_S
#: The same if devices are ordered back, in stages.
WAY_BACK_S = 7 * DAY_S
#: An offer, and whether its download will be whole.
_Download = tuple[FleetDecision, bool]
OnOffer = Callable[[int, FleetDecision, Moment], None]
OnTick = Callable[[InProcess, Moment], None]


class Simulation:
    """One fleet and its server, from the first check-in to a day after the rollout has ended.

    Attributes:
        profile: What the fleet is like.
        population: Its devices.
        behaviour: What they do.
        server: The server.
        policy: The policy of the rollout.
        start_s: When the rollout starts, in seconds after the first device appears.
        result: What has come of it so far.
    """

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        *,
        devices: int,
        seed: int = 1,
        releases: tuple[Release, ...] | None = None,
        on_offer: OnOffer | None = None,
        on_tick: OnTick | None = None,
    ) -> None:
        """Draws the devices, and gives each its first check-in.

        Args:
            profile: What the fleet is like.
            policy: The policy of the rollout.
            devices: How many devices there are.
            seed: Decides all that is left to chance.
            releases: The releases of the product, the rolling one last; None for those of the
                profile.
            on_offer: Called with each offer, before the download.
            on_tick: Called after each tick of the rollout.
        """
        self.profile, self.policy = profile, policy
        self.population = Population(profile, devices, seed)
        before = releases or releases_of(profile)
        after = releases or releases_of(profile, complete=True)
        self.server = InProcess(Targets(before), Targets(after), seed)
        self.start_s = -(-profile.start_s // TICK_S) * TICK_S
        self.behaviour = Behaviour(self.population, seed, start_s=self.start_s, rolling=ROLLING)
        self.result = Rehearsed(profile=profile.name, devices=devices, seed=seed)
        self._boards = frozenset(image.board for image in before[-1].images)
        self._on_offer, self._on_tick = on_offer, on_tick
        self._downloads: dict[int, _Download] = {}
        self._survey_s = max(SURVEY_S, int(devices * _SURVEY_S_PER_DEVICE))
        self._listening = Listening(0.0, START_AT)
        self._up = True
        self._server_changes = {
            self.start_s + at: up
            for absence in profile.server_down
            for at, up in ((absence.after, False), (absence.after + absence.lasts, True))
        }
        # Something happens in these seconds, even if no device does anything.
        self._pages: dict[int, list[int]] = {at: [] for at in self._server_changes}
        self._seconds = sorted(self._pages)
        self._tick_due = self.start_s
        for number in range(devices):
            self._put(number, self.behaviour.first_check(number))

    def run(self) -> Rehearsed:
        """Lets the whole rehearsal pass, and returns what has come of it."""
        end = self.start_s + self.profile.lasts
        with _collector_off():
            while (second := self._next()) <= end:
                if second == self._tick_due:
                    self._tick_due += TICK_S
                    end = self._tick(second, end)
                if second in self._server_changes:
                    self._change_server(second)
                page = self._pages.pop(second, None)
                if page is not None:
                    heapq.heappop(self._seconds)
                    now = self._listening.moment(START_AT + second)
                    for number in page:
                        self._act(number, second, now)
        self.result.conclude(self.server.live, self.population.runs, end - self.start_s)
        return self.result

    def _next(self) -> int:
        """Returns the next second in which anything happens."""
        return min(self._tick_due, self._seconds[0]) if self._seconds else self._tick_due

    def _put(self, number: int, second: int) -> None:
        """Puts the next event of a device on the page of its second."""
        page = self._pages.get(second)
        if page is None:
            self._pages[second] = [number]
            heapq.heappush(self._seconds, second)
        else:
            page.append(number)

    def _tick(self, second: int, end: int) -> int:
        """Lets the rollout go on, and returns when the simulation ends."""
        after = second - self.start_s
        now = self._listening.moment(START_AT + second)
        if self.server.live is None:
            self.server.start(self.policy, self._boards, now)
        if self._up:
            self.server.tick(now, self._survey_s)
        live = self.server.live
        if live is None:
            return end
        rollout = live.rollout
        self.result.noted(after, rollout)
        if after % SAMPLE_S == 0:
            self.result.sampled(after, self.behaviour.running)
        if self._on_tick is not None:
            self._on_tick(self.server, now)
        if rollout.is_open:
            return end
        return min(end, second + (AFTERWARDS_S if rollout.way_back is None else WAY_BACK_S))

    def _change_server(self, second: int) -> None:
        self._up = self._server_changes[second]
        at = START_AT + second
        self._listening = self._listening.started(at) if self._up else self._listening.stopped(at)

    def _act(self, number: int, second: int, now: Moment) -> None:
        """Lets a device do what it does at this second, and puts its next event on a page."""
        population, behaviour = self.population, self.behaviour
        kind = population.kinds[number]
        download = self._downloads.pop(number, None) if self._downloads else None
        if download is not None:
            self._ended(number, kind, download, second, now)
            return
        if behaviour.gone(number, second):
            return
        back_on = behaviour.back_on(kind, second)
        if back_on is not None:
            self._put(number, back_on)
            return
        wait = behaviour.interval(number)
        if self._reaches(kind, second):
            self.result.checks += 1
            report = population.reports[number]
            decided = self.server.check(
                number, report, population.addresses[number], kind.board, now
            )
            if decided is not None:
                self._begin(number, kind, decided, second, now)
                return
            wait += behaviour.nap(kind)
        self._put(number, second + int(wait))

    def _reaches(self, kind: Kind, second: int) -> bool:
        """Returns whether a device and the server reach each other."""
        return self._up and self.behaviour.connected(kind, second)

    def _begin(
        self, number: int, kind: Kind, decided: FleetDecision, second: int, now: Moment
    ) -> None:
        """Begins a download."""
        if self._on_offer is not None:
            self._on_offer(number, decided, now)
        self.result.offers += 1
        image, compressed = decided.decision.image, decided.decision.compressed
        size = compressed.size if compressed else image.size if image else 0
        takes = size / (kind.speed * 1000)
        whole = self.behaviour.whole(kind)
        self._downloads[number] = decided, whole
        self._put(number, second + 1 + int(takes if whole else takes / 2))

    def _ended(
        self, number: int, kind: Kind, download: _Download, second: int, now: Moment
    ) -> None:
        """Ends a download; the device boots what it has then, unless that never comes back."""
        decided, whole = download
        off = kind.off is not None and kind.off.is_open(second % DAY_S)
        whole = whole and not off and self._reaches(kind, second)
        self.result.downloads += whole
        if self._up:
            # A server that went down meanwhile remembers the offer, but not how it ended.
            report, address = self.population.reports[number], self.population.addresses[number]
            self.server.delivered(number, decided, report, address, now, whole=whole)
        if not whole:
            self._put(number, second + int(self.population.periods[number]))
            return
        release = decided.decision.release
        version = str(release.version) if release is not None else ""
        if self.behaviour.comes_back(number, version):
            self._put(number, second + kind.boot)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Switches the garbage collector off: it would look at each device over and over again.

    Nothing here makes circles of references.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
