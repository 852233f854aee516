"""``acpublish diff``: show what changed between two images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from acpublish.cli.charts import chart, columns
from acpublish.cli.common_options import (
    OptionValue,
    ca_option,
    kind_option,
    settings_for,
    to_option,
    token_option,
)
from acpublish.cli.ui import json_option, print_json, table
from acpublish.image.comparison import Change, Comparison, SegmentChange
from acpublish.publishing.diff import difference
from acpublish.release.differences import Difference, Side

#: With these widths, lines fit in 80 characters.
_VALUE_CHARACTERS = 26
_NAME_CHARACTERS = 24
_BAR_CHARACTERS = 24
_VERSION_CHARACTERS = 24
#: On a narrow terminal, there must be room for the bars.
_NARROW_COLUMNS = 60
_NARROW_VERSION_CHARACTERS = 12


@click.command("diff")
@click.argument("old")
@click.argument("new")
@to_option
@click.option("--board", metavar="B", help="The board, if a release has images for several.")
@kind_option
@click.option(
    "--last",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many releases to show sizes for.",
)
@token_option
@ca_option
@json_option
def command(old: str, new: str, last: int, as_json: bool, **options: OptionValue) -> None:
    """Show what changed from OLD to NEW: files, or releases as PRODUCT@VERSION.

    Releases are looked up in the directory or server of --to. The settings to, board and kind are
    used if the options are missing.
    """
    settings = settings_for(options)
    compared = difference(
        old,
        new,
        settings.destination() if settings.text("to") else None,
        board=settings.text("board"),
        kind=settings.kind(),
        last=last,
    )
    if as_json:
        print_json(document(compared))
    else:
        _print(compared)


def document(compared: Difference) -> dict[str, Any]:
    """Returns a difference as JSON types."""
    comparison = compared.comparison
    return {
        "old": _side_document(compared.old, comparison.old_size),
        "new": _side_document(compared.new, comparison.new_size),
        "delta": comparison.delta,
        "different": comparison.different,
        "share": round(comparison.share, 6),
        "segments": [
            {**asdict(segment), "delta": segment.delta, "share": round(segment.share, 6)}
            for segment in comparison.segments
        ],
        "changes": [asdict(change) for change in comparison.changes],
        "build": [asdict(change) for change in compared.build],
        "trend": [{"version": str(size.version), "size": size.size} for size in compared.trend],
    }


def _side_document(side: Side, size: int) -> dict[str, Any]:
    return {"name": side.name, "board": side.image.board if side.image else None, "size": size}


def _print(compared: Difference) -> None:
    comparison = compared.comparison
    click.echo(f"old  {_side(compared.old)}, {comparison.old_size} bytes")
    click.echo(f"new  {_side(compared.new)}, {comparison.new_size} bytes")
    click.echo(_summary(comparison))
    _print_segments(comparison.segments)
    _print_changes("image", comparison.changes)
    _print_changes("build", compared.build)
    _print_trend(compared)


def _summary(comparison: Comparison) -> str:
    if not comparison.different:
        return "the same bytes"
    growth = 100 * comparison.delta / max(comparison.old_size, 1)
    grown = f"{comparison.delta:+d} bytes ({growth:+.1f} %)" if comparison.delta else "as large"
    return f"{grown}, {_percent(comparison.share)} of the bytes differ"


def _side(side: Side) -> str:
    return f"{side.name} for {side.image.board}" if side.image else side.name


def _print_segments(segments: Sequence[SegmentChange]) -> None:
    if not segments:
        return
    rows = [("segment", "old", "new", "change", "differs")]
    for segment in segments:
        old, new = ("-" if size is None else str(size) for size in (segment.old, segment.new))
        share = _percent(segment.share)
        rows.append((f"0x{segment.address:08x}", old, new, f"{segment.delta:+d}", share))
    click.echo()
    table(rows, right=frozenset({1, 2, 3, 4}))


def _print_changes(what: str, changes: Sequence[Change]) -> None:
    if not changes:
        return
    rows = [(what, "old", "new")]
    rows += [
        (_cut(change.name, _NAME_CHARACTERS), _value(change.old), _value(change.new))
        for change in changes
    ]
    click.echo()
    table(rows)


def _print_trend(compared: Difference) -> None:
    if len(compared.trend) < 2:
        return
    narrow = columns() < _NARROW_COLUMNS
    longest = _NARROW_VERSION_CHARACTERS if narrow else _VERSION_CHARACTERS
    rows = [("release", "", "bytes", "change")]
    before = None
    for release in compared.trend:
        change = "" if before is None else f"{release.size - before:+d}"
        version = _cut(str(release.version), longest)
        rows.append((version, _mark(compared, release.version), str(release.size), change))
        before = release.size
    click.echo()
    sizes = [release.size for release in compared.trend]
    chart(rows, sizes, longest=_BAR_CHARACTERS, spare=3, right=frozenset({2, 3}))


def _mark(compared: Difference, version: object) -> str:
    def is_of(side: Side) -> bool:
        return side.release is not None and side.release.version == version

    return "new" if is_of(compared.new) else "old" if is_of(compared.old) else ""


def _percent(share: float) -> str:
    percent = 100 * share
    # One changed byte in a megabyte must not be shown as 0.0 %.
    return "<0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def _value(text: str | None) -> str:
    return "-" if text is None else _cut(text, _VALUE_CHARACTERS)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
