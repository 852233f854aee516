"""How much is measured: everything, or just enough to check that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The counts and times of all measurements.

    Attributes:
        rounds: How often the two sides take turns.
        images: Downloads of one round.
        small_answers: Checks or lists of one round.
        concurrency: Clients of one round at the same time.
        slow_clients: Slow downloads at the same time.
        slow_s: How long they last.
        files: Files of the large catalog.
        expired: How often the large catalog is listed after its kept list has expired.
        builds: Pairs of builds.
        processes: Pairs of started interpreters.
        passes: Passes over an image.
    """

    rounds: int = 7
    images: int = 700
    small_answers: int = 4000
    concurrency: int = 32
    slow_clients: int = 1500
    slow_s: float = 20.0
    files: int = 10_000
    expired: int = 4
    builds: int = 20
    processes: int = 15
    passes: int = 15


FULL = Scale()
SHORT = Scale(
    rounds=1,
    images=20,
    small_answers=50,
    concurrency=4,
    slow_clients=20,
    slow_s=1.0,
    files=200,
    expired=1,
    builds=1,
    processes=1,
    passes=1,
)
