"""What SCons runs: stamping the image, publishing on request, publishing on a build.

SCons may call these functions in a worker thread. They find the hook in the environment, not in a
closure, because SCons makes a closure's content part of the image's signature.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, TextIO

from acpublish.errors import AcpublishError
from acpublish.image import Image, Kind, read, stamp
from acpublish.pio.files import read_record, replace, write_record
from acpublish.pio.project import Plan, Project
from acpublish.pio.provenance import elf_digest
from acpublish.publishing import (
    Publication,
    VersionSource,
    describe,
    open_catalog,
    publish_image,
    read_file,
    stamped,
    tell_workflow,
)
from acpublish.release import ImageKind

__all__ = [
    "KEY",
    "Hook",
    "publish_build",
    "publish_made",
    "report",
    "reported",
    "say",
    "stamp_image",
    "upload_ota",
    "uploadfs_ota",
]

#: Where the hook is found in SCons' environment.
KEY = "ACPUBLISH_HOOK"

Action = Callable[[Any, Any, Any], int]


@dataclass(slots=True, kw_only=True)
class Hook:
    """What the actions of one run share.

    Attributes:
        project: The environment that is built.
        source: The version, None where none is set.
        on_build: Whether an image that is made in this run is published.
    """

    project: Project
    source: VersionSource | None
    on_build: bool = False
    _plan: Plan | None = field(default=None, repr=False)

    def plan(self) -> Plan:
        """Returns what is to be published; the first call checks it.

        Raises:
            AcpublishError: Something is missing or wrong.
        """
        if self._plan is None:
            self._plan = self.project.plan(self.source)
        return self._plan


def say(text: str, stream: TextIO) -> None:
    """Prints a line, whatever characters a path in it has: the stream may be a plain pipe."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def report(fault: AcpublishError) -> int:
    """Prints an error on one line; returns the status that SCons takes for a failure."""
    sys.stdout.flush()
    say(f"acpublish: error: {fault}", sys.stderr)
    return 1


def reported(action: Action) -> Action:
    """Makes an action of one that may raise an error of ours."""

    @functools.wraps(action)
    def wrapper(target: Any, source: Any, env: Any) -> int:
        try:
            return action(target, source, env)
        except AcpublishError as fault:
            return report(fault)

    return wrapper


@reported
def stamp_image(target: Any, source: Any, env: Any) -> int:
    """Stamps the image that was just made, ``target[0]``, in place."""
    hook: Hook = env[KEY]
    path = Path(target[0].get_abspath())
    data = read_file(path)
    image = read(data)
    if hook.source is None or image.kind is not Kind.APPLICATION or not image.stampable:
        return 0
    try:
        version = hook.source.version(image.unstamped_sha256)
        _rewrite(path, data, stamp(data, hook.project.product, str(version)))
    except AcpublishError:
        # SCons takes an image that is there for a finished one, and would not make it again.
        path.unlink(missing_ok=True)
        raise
    return 0


@reported
def upload_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``."""
    _publish(env[KEY], Path(source[0].get_abspath()), on_build=False)
    return 0


@reported
def uploadfs_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the filesystem's image, ``source[0]``."""
    _publish(env[KEY], Path(source[0].get_abspath()), on_build=False, kind="filesystem")
    return 0


@reported
def publish_build(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``, unless it was published on an earlier build."""
    _publish_once(env[KEY], source[0])
    return 0


@reported
def publish_made(target: Any, source: Any, env: Any) -> int:
    """Publishes the image that was just made, ``target[0]``, where each build does."""
    hook: Hook = env[KEY]
    if hook.on_build:
        _publish_once(hook, target[0])
    return 0


def _publish_once(hook: Hook, node: Any) -> None:
    path = Path(node.get_abspath())
    options = hook.plan().options
    data = read_file(path)
    image = read(data)
    asked = {
        "image": image.unstamped_sha256,
        "to": options.destination.to,
        "product": options.product,
        "version": str(hook.plan().source.version(image.unstamped_sha256)),
        "board": options.board,
        "channel": options.channel,
        "compress": options.compress,
    }
    record = read_record(hook.project.build_directory)
    if record.get("asked") == asked and _is_published(path, data, image, hook, record):
        return
    say(f"Publishing {node}", sys.stdout)
    publication = _publish(hook, path, on_build=True)
    published = {
        "version": str(publication.submission.version),
        "channel": publication.submission.channel,
        "sha256": publication.receipt.sha256,
    }
    write_record(hook.project.build_directory, {"asked": asked, "published": published})


def _is_published(
    path: Path, data: bytes, image: Image, hook: Hook, record: Mapping[str, Any]
) -> bool:
    """Tells whether an image is the recorded one, and gives it the version that it has there.

    It may have been made again since, and then has the version that was asked for, under which
    other bytes are published.
    """
    published = record.get("published", {})
    final = data
    if image.kind is Kind.APPLICATION and image.stampable:
        final = stamp(data, hook.project.product, str(published.get("version")))
    if hashlib.sha256(final).hexdigest() != published.get("sha256"):
        return False
    _rewrite(path, data, final)
    return True


def _publish(
    hook: Hook, path: Path, *, on_build: bool, kind: ImageKind | None = None
) -> Publication:
    plan = hook.plan()
    options = plan.options if kind is None else replaced(plan.options, kind=kind, compress=False)
    data = read_file(path)
    if options.kind == "firmware":
        elf = elf_digest(path.with_suffix(".elf"))
        options = replaced(options, provenance={**options.provenance, **elf})
    catalog = open_catalog(options.destination, publishing=True)
    publication = publish_image(data, options, plan.source, catalog, on_build=on_build)
    # What a cable flashes is then the very image that was published, whatever its version became.
    _rewrite(path, data, stamped(data, read(data), publication.submission))
    workflow = tell_workflow(publication, hook.project.environ)
    for warning in (*publication.receipt.warnings, *workflow):
        say(f"acpublish: warning: {warning}", sys.stderr)
    for line in (publication.note, describe(publication), publication.receipt.url):
        if line:
            say(line, sys.stdout)
    return publication


def _rewrite(path: Path, data: bytes, final: bytes) -> None:
    if final != data:
        replace(path, final)
