"""What a power cut may leave of a change: its calls are recorded, and a part of them is replayed.

The model is what POSIX promises, and no more: what a file contains is on the disk once that file is
flushed, and a name once its directory is flushed. Before that, each call may be on the disk
or not, in any order; a rename is never half done. File systems promise more, each something else.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.disk_calls import Call, intercept

_NAMING = ("open", "mkdir", "link", "replace", "rename")


@dataclass(slots=True)
class Step:
    """A recorded call that changes something.

    Attributes:
        call: The call.
        at: Its number among all calls.
        content: The path under which the file that it is about was known first.
        flushed: The number of the call that flushed it; none if that did not happen.
    """

    call: Call
    at: int
    content: Path
    flushed: int | None = None

    @property
    def directory(self) -> Path:
        """The directory that must be flushed for it."""
        return (self.call.target or self.call.path).parent


@dataclass(slots=True)
class Recording:
    """The calls of a change.

    Attributes:
        calls: All of them.
        steps: Those that change something.
    """

    calls: list[Call] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def record(root: Path, change: Callable[[Path], object]) -> Recording:
    """Makes a change, and returns its calls."""
    recording = Recording()
    end = intercept(root, recording.calls.append)
    try:
        change(root)
    finally:
        end()
    first: dict[Path, Path] = {}
    for at, call in enumerate(recording.calls):
        if call.name == "fsync":
            for step in recording.steps:
                about = step.call.path if step.call.name == "write" else step.directory
                if step.flushed is None and about == call.path:
                    step.flushed = at
        elif call.name != "close" and not call.only_reads:
            content = first.get(call.path, call.path)
            recording.steps.append(Step(call, at, content))
            if call.target is not None:
                first[call.target] = content
    return recording


def cuts(recording: Recording, draws: int, seed: int = 1) -> Iterator[tuple[str, list[Step]]]:
    """Yields what may be left on the disk, by a cut before each call and after the last one.

    Args:
        recording: The calls.
        draws: How many parts are drawn by lot, beside the four that are regular.
        seed: Determines them.
    """
    draw = random.Random(seed)
    for at in range(len(recording.calls) + 1):
        begun = [step for step in recording.steps if step.at < at]
        is_open = [step.flushed is None or step.flushed >= at for step in begun]

        def left(keeps: Callable[[Step], bool]) -> list[Step]:
            return [
                step
                for step, pending in zip(begun, is_open, strict=True)  # noqa: B023
                if not pending or keeps(step)
            ]

        yield f"everything before {at}", left(lambda step: True)
        if not any(is_open):
            continue
        yield f"what was flushed before {at}", left(lambda step: False)
        yield f"names before {at}", left(lambda step: step.call.name in _NAMING)
        yield f"contents before {at}", left(lambda step: step.call.name == "write")
        for number in range(draws):
            yield f"draw {number} before {at}", left(lambda step: draw.random() < 0.5)


def replay(start: Path, recorded: Path, kept: Sequence[Step], root: Path) -> None:
    """Makes a folder as a power cut left it.

    Args:
        start: The folder before the change.
        recorded: The folder in which the change was recorded.
        kept: The calls that are on the disk.
        root: The folder to make.
    """
    shutil.copytree(start, root)
    written: dict[Path, bytes] = {}
    for step in kept:
        if step.call.name == "write":
            written[step.content] = written.get(step.content, b"") + step.call.data
    for step in kept:
        call = step.call
        path = root / call.path.relative_to(recorded)
        if call.name == "mkdir":
            if path.parent.is_dir():
                path.mkdir(mode=0o700, exist_ok=True)
        elif call.name == "unlink":
            path.unlink(missing_ok=True)
        elif call.name != "write":
            name = root / (call.target or call.path).relative_to(recorded)
            before = start / step.content.relative_to(recorded)
            data = before.read_bytes() if before.exists() else written.get(step.content, b"")
            if name.parent.is_dir():
                name.unlink(missing_ok=True)
                name.write_bytes(data)
                name.chmod(0o600)
            if call.name in ("replace", "rename"):
                path.unlink(missing_ok=True)
