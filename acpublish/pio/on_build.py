"""Publishes what a build made, once: a record says what the last publish was of."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acpublish.pio.files import read_record, write_record
from acpublish.pio.run_state import Hook, say
from acpublish.publishing.image_files import read_file

if TYPE_CHECKING:
    from acpublish.image.model import Image

__all__ = ["publish_once"]


def publish_once(hook: Hook, path: Path, called: str) -> None:
    """Publishes an image, unless that is what the record says.

    Args:
        hook: What this run shares.
        path: The image.
        called: What the build calls it.

    Raises:
        AcpublishError: It cannot be published.
    """
    record = _standing_record(hook)
    data = read_file(path)
    if _is_the_recorded(data, hook, record):
        return
    # Only now, as most runs end above.
    from acpublish.image.reader import read
    from acpublish.pio import uploading

    image = read(data)
    asked = _asked(hook, image.unstamped_sha256)
    if record.get("asked") == asked and _made_again(path, data, image, hook, record):
        return
    say(f"Publishing {called}", sys.stdout)
    publication = uploading.publish(hook, path, on_build=True)
    published = {
        "file": publication.receipt.file,
        "version": str(publication.submission.version),
        "channel": publication.submission.channel,
        "sha256": publication.receipt.sha256,
    }
    write_record(hook.project.build_directory, {"asked": asked, "published": published})


def _standing_record(hook: Hook) -> dict[str, Any]:
    """Returns the record; empty where a directory has lost what it tells of.

    A server is not asked each time.
    """
    record = read_record(hook.project.build_directory)
    destination = hook.plan().options.destination
    published = record.get("published")
    if destination.is_server or not isinstance(published, dict):
        return record
    return record if Path(destination.to, str(published.get("file"))).is_file() else {}


def _asked(hook: Hook, unstamped_sha256: str) -> dict[str, Any]:
    """Returns what shall be published where."""
    options = hook.plan().options
    return {
        "image": unstamped_sha256,
        "to": options.destination.to,
        "product": options.product,
        "version": str(hook.plan().source.version(unstamped_sha256)),
        "board": options.board,
        "channel": options.channel,
        "compress": options.compress,
        "kind": options.kind,
        "signing_key": str(options.signing_key or ""),
        "skipped_checks": dict(options.skipped_checks),
        "secrets": options.secrets.to_dict(),
        "partitions": str(options.partitions or ""),
    }


def _is_the_recorded(data: bytes, hook: Hook, record: Mapping[str, Any]) -> bool:
    """Tells whether the file holds the very bytes that were published as what is asked for now."""
    asked, published = record.get("asked"), record.get("published")
    if not isinstance(asked, dict) or not isinstance(published, dict):
        return False
    if hashlib.sha256(data).hexdigest() != published.get("sha256"):
        return False
    return asked == _asked(hook, str(asked.get("image")))


def _made_again(
    path: Path, data: bytes, image: Image, hook: Hook, record: Mapping[str, Any]
) -> bool:
    """Tells whether an image is the recorded one, and gives it the version that it has there.

    It was made again since, and has the version that was asked for, under which other bytes are
    published.
    """
    from acpublish.image.model import Kind
    from acpublish.image.stamper import stamp
    from acpublish.pio import uploading

    published, final = record.get("published", {}), data
    if image.kind is Kind.APPLICATION and image.stampable:
        final = stamp(data, hook.project.product, str(published.get("version")))
    if hashlib.sha256(final).hexdigest() != published.get("sha256"):
        return False
    uploading.rewrite(path, data, final)
    return True
