"""Stamps and publishes an image of a build."""

from __future__ import annotations

import os
import sys
from dataclasses import replace as replaced
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.image.model import Kind
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.pio.build_files import replace
from acpublish.pio.firmware import refuse_unsigned, unsigned_path
from acpublish.pio.provenance import elf_digest
from acpublish.pio.run_state import Hook, print_line
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.image_files import read_file
from acpublish.publishing.publish import publish_image
from acpublish.publishing.result import Publication, describe
from acpublish.publishing.versions import VersionSource
from acpublish.release import names
from acpublish.release.candidate import stamped
from acpublish.release.names import ImageKind


def stamp_built(hook: Hook, path: Path) -> None:
    """Stamps the image that was just built, in place.

    Raises:
        AcpublishError: The image cannot be stamped, and is removed.
    """
    data = read_file(path)
    image = read(data)
    if hook.source is None or image.kind is not Kind.APPLICATION or not image.stampable:
        return
    try:
        version = hook.source.version(image.unstamped_sha256)
        rewrite(path, data, stamp(data, hook.project.product, str(version)))
    except AcpublishError:
        # SCons regards an existing image as finished, and would not build it again.
        path.unlink(missing_ok=True)
        raise


def source_of(hook: Hook, path: Path, data: bytes) -> VersionSource:
    """Returns where the version of a built firmware image comes from.

    Raises:
        AcpublishError: The image is not signed, but the devices accept only signed ones.
    """
    source = hook.plan().source
    if hook.project.signed_only():
        refuse_unsigned(read(data))
    unsigned = unsigned_path(path)
    if unsigned == path:
        return source
    # The stamp was written before the signature, so its version contains that image's digest.
    return replaced(source, digest=read(read_file(unsigned)).unstamped_sha256)


def publish(
    hook: Hook, path: Path, *, on_build: bool = False, kind: ImageKind | None = None
) -> Publication:
    """Publishes an image, and prints the result.

    Args:
        hook: The state of this run.
        path: The image; afterwards it contains exactly the bytes that were published.
        on_build: Whether each build is published. Such a publish, and every one to the channel
            ``dev``, chooses a development version if the image cannot have its own version.
        kind: What the image is, if that differs from the settings.

    Raises:
        AcpublishError: The image cannot be published.
    """
    plan = hook.plan()
    options = hook.project.complete(plan)
    if kind is not None:
        options = replaced(options, kind=kind, compress=False)
    data, source = read_file(path), plan.source
    if options.kind == "firmware":
        source = source_of(hook, path, data)
        elf = elf_digest(unsigned_path(path).with_suffix(".elf"))
        options = replaced(options, provenance={**options.provenance, **elf})
    catalog = open_catalog(options.destination, publishing=True)
    development = on_build or options.channel == names.DEVELOPMENT
    publication = publish_image(data, options, source, catalog, development=development)
    # A serial upload then flashes the published image, whatever its version became.
    rewrite(path, data, stamped(data, read(data), publication.submission))
    workflow = report_to_workflow(publication, os.environ)
    for warning in (*publication.receipt.warnings, *workflow):
        # On the same stream as the rest, so that the URL stays the last line.
        print_line(f"acpublish: warning: {warning}", sys.stdout)
    for line in (publication.note, describe(publication), publication.receipt.url):
        if line:
            print_line(line, sys.stdout)
    return publication


def rewrite(path: Path, data: bytes, final: bytes) -> None:
    """Replaces an image's bytes if they changed."""
    if final != data:
        replace(path, final)
