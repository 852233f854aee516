"""Reads all that is known of a file from its bytes; any bytes give a result, never an error."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from acpublish.image.examine import Examined, examine
from acpublish.image.gzip import Inflated, inflate
from acpublish.image.model import Image, Kind, ReportedDigests
from acpublish.image.shape import Shape, StampOffsets
from acpublish.image.stamper import stamp_at, without_stamp
from acpublish.image.sums import Digests

_FLASH_MODES = ("qio", "qout", "dio", "dout")


def read(data: bytes) -> Image:
    """Returns all that is known of a file from its bytes.

    A gzip is inflated, and the result describes the image inside, with the digests of the gzip
    itself.

    Args:
        data: The whole file, with any content.
    """
    digests = Digests(data)
    examined = examine(data, digests)
    if examined.kind is Kind.GZIP:
        return _read_gzip(digests, inflate(data))
    return _read_plain(data, examined, digests)


def _read_plain(data: bytes, examined: Examined, digests: Digests) -> Image:
    shape = examined.shape
    # The longest digests come last, so each continues where the previous one stopped.
    running = _reported_digests(shape, data, digests) if shape else ReportedDigests()
    sha256, md5 = digests.sha256().hex(), digests.md5()
    if shape is None:
        return Image(
            kind=examined.kind,
            description=examined.description,
            size=len(data),
            md5=md5,
            sha256=sha256,
            unstamped_sha256=sha256,
        )
    candidates = shape.stamp_offsets(data)
    offsets = candidates[0] if len(candidates) == 1 else None
    header = shape.header
    mode = header.flash_mode
    return Image(
        kind=examined.kind,
        description=examined.description,
        content=Kind.APPLICATION if examined.kind is Kind.SIGNED else None,
        signature=examined.findings.signature,
        size=len(data),
        md5=md5,
        sha256=sha256,
        unstamped_sha256=_unstamped_sha256(data, examined, offsets) or sha256,
        family=shape.family,
        chip=shape.chip,
        entry=shape.chain.entry,
        flash_mode=_FLASH_MODES[mode] if mode < len(_FLASH_MODES) else f"mode-{mode}",
        flash_size=shape.flash_size,
        flash_frequency=shape.flash_frequency,
        segments=shape.chain.segments,
        descriptor=shape.descriptor(data),
        stamp=stamp_at(shape, data, offsets) if offsets else None,
        stampable=offsets is not None,
        checksum=examined.findings.checksum,
        crc=examined.findings.crc,
        digest=examined.findings.digest,
        running=running,
        problems=examined.problems,
        damaged=bool(examined.problems),
    )


def _unstamped_sha256(data: bytes, examined: Examined, offsets: StampOffsets | None) -> str | None:
    """Returns None for a signed image too, because its signature covers the stamp."""
    if offsets is None or examined.shape is None or examined.problems:
        return None
    if examined.kind is not Kind.APPLICATION:
        return None
    return hashlib.sha256(without_stamp(examined.shape, data, offsets)).hexdigest()


def _reported_digests(shape: Shape, data: bytes, digests: Digests) -> ReportedDigests:
    if shape.missing or shape.kind not in (Kind.APPLICATION, Kind.SIGNED):
        return ReportedDigests()
    return shape.reported_digests(data, digests)


def _read_gzip(digests: Digests, inflated: Inflated) -> Image:
    inner_digests = Digests(inflated.data)
    inner = _read_plain(inflated.data, examine(inflated.data, inner_digests), inner_digests)
    sha256 = digests.sha256().hex()
    problems = (
        *inflated.problems,
        *(f"inside the gzip: {problem}" for problem in inner.problems),
    )
    return replace(
        inner,
        kind=Kind.SIGNED if inflated.signature else Kind.GZIP,
        content=inner.content or inner.kind,
        compressed=True,
        signature=inflated.signature or inner.signature,
        size=digests.size,
        md5=digests.md5(),
        sha256=sha256,
        unstamped_sha256=sha256,
        problems=problems,
        damaged=bool(problems),
    )
