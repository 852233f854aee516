"""Publishes each build once: a record in the build directory describes the last publish.

1. If the image's bytes and the request are those of the record, there is nothing to do.
2. If the image was rebuilt to what is published already, it only gets the published version.
3. Otherwise the image is published. The record is written last, so a publish that fails or is
   killed is repeated by the next build.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acpublish.pio.build_files import replace
from acpublish.pio.run_state import Hook, print_line
from acpublish.publishing.image_files import read_file

if TYPE_CHECKING:
    from acpublish.image.model import Image

#: The record's name in the build directory.
_RECORD = "acpublish.json"


def publish_once(hook: Hook, path: Path, called: str) -> None:
    """Publishes an image, unless the record shows that it is published.

    Args:
        hook: The state of this run.
        path: The image.
        called: What the build calls the image.

    Raises:
        AcpublishError: The image cannot be published.
    """
    record = _valid_record(hook)
    data = read_file(path)
    if _is_recorded(data, hook, record):
        return
    # Imported only now, because most runs end above.
    from acpublish.image.reader import read
    from acpublish.pio import uploading

    image = read(data)
    request = _request(hook, image.unstamped_sha256)
    if record.get("asked") == request and _restored(path, data, image, hook, record):
        return
    print_line(f"Publishing {called}", sys.stdout)
    publication = uploading.publish(hook, path, on_build=True)
    published = {
        "file": publication.receipt.file,
        "version": str(publication.submission.version),
        "channel": publication.submission.channel,
        "sha256": publication.receipt.sha256,
    }
    write_record(hook.project.build_directory, {"asked": request, "published": published})


def read_record(directory: Path) -> dict[str, Any]:
    """Returns the record of the last publish on build; empty if there is no valid one."""
    try:
        record = json.loads((directory / _RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(directory: Path, record: Mapping[str, Any]) -> None:
    """Records a publish on build.

    Raises:
        SettingsError: The record cannot be written.
    """
    replace(directory / _RECORD, (json.dumps(record, indent=2) + "\n").encode())


def _valid_record(hook: Hook) -> dict[str, Any]:
    """Returns the record; empty if the catalog directory no longer has the published file.

    A server is not contacted for each build.
    """
    record = read_record(hook.project.build_directory)
    destination = hook.plan().options.destination
    published = record.get("published")
    if destination.is_server or not isinstance(published, dict):
        return record
    # The record may contain anything, and this never raises an error.
    there = os.path.isfile(os.path.join(destination.to, str(published.get("file"))))  # noqa: PTH113, PTH118
    return record if there else {}


def _request(hook: Hook, unstamped_sha256: str) -> dict[str, Any]:
    """Returns what is to be published where, as the record stores it."""
    options = hook.plan().options
    below = options.no_downgrade_below
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
        # Records of earlier versions do not have them.
        **({"no_downgrade_below": str(below)} if below else {}),
        **({"requires": options.requires} if options.requires else {}),
    }


def _is_recorded(data: bytes, hook: Hook, record: Mapping[str, Any]) -> bool:
    """Returns whether exactly these bytes were published for the same request."""
    request, published = record.get("asked"), record.get("published")
    if not isinstance(request, dict) or not isinstance(published, dict):
        return False
    if hashlib.sha256(data).hexdigest() != published.get("sha256"):
        return False
    return request == _request(hook, str(request.get("image")))


def _restored(path: Path, data: bytes, image: Image, hook: Hook, record: Mapping[str, Any]) -> bool:
    """Returns whether an image is the recorded one, and gives it the version recorded for it.

    A rebuilt image has the requested version, but that version may belong to other bytes and the
    image may be published under a development version.
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
