"""Publishes what a build made, once: a record says what the last publish was of."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acpublish.pio.actions import Hook, say
from acpublish.pio.files import read_record, write_record
from acpublish.publishing.reading import read_file

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
    record = read_record(hook.project.build_directory)
    data = read_file(path)
    if _is_the_recorded(data, hook, record):
        return
    # Only now, as most runs end above.
    from acpublish.image import read
    from acpublish.pio import uploading

    asked = _asked(hook, read(data).unstamped_sha256)
    gone = _is_gone(hook, str(record.get("published", {}).get("file")))
    if not gone and record.get("asked") == asked and _made_again(path, data, hook, record):
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
    if _is_gone(hook, str(published.get("file"))):
        return False
    return asked == _asked(hook, str(asked.get("image")))


def _is_gone(hook: Hook, file: str) -> bool:
    """Tells whether a directory has lost what was published; a server is not asked each time."""
    destination = hook.plan().options.destination
    return not (destination.is_server or Path(destination.to, file).is_file())


def _made_again(path: Path, data: bytes, hook: Hook, record: Mapping[str, Any]) -> bool:
    """Tells whether an image is the recorded one, and gives it the version that it has there.

    It was made again since, and has the version that was asked for, under which other bytes are
    published.
    """
    from acpublish.image import Kind, read, stamp
    from acpublish.pio import uploading

    image, published, final = read(data), record.get("published", {}), data
    if image.kind is Kind.APPLICATION and image.stampable:
        final = stamp(data, hook.project.product, str(published.get("version")))
    if hashlib.sha256(final).hexdigest() != published.get("sha256"):
        return False
    uploading.rewrite(path, data, final)
    return True
