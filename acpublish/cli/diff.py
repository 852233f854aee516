"""``acpublish diff``: what changed between two images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from acpublish.cli.common_options import settings_for, token_option
from acpublish.cli.ui import bars, json_option, print_json, table
from acpublish.image.comparison import Change, Comparison, SegmentChange
from acpublish.publishing.diff import Difference, Side, difference

#: Together with the other columns, lines then stay within 80 characters.
_VALUE_CHARACTERS = 26
_NAME_CHARACTERS = 24
_BAR_CHARACTERS = 24
_VERSION_CHARACTERS = 24


@click.command("diff", short_help="Tell what changed between two images.")
@click.argument("old")
@click.argument("new")
@click.option("--to", metavar="DIR|URL", help="The catalog or server that releases are in.")
@click.option("--board", metavar="B", help="The board, where a release has several.")
@click.option("--kind", metavar="KIND", help="firmware or filesystem.  [firmware]")
@click.option(
    "--last",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many releases the sizes are shown of.",
)
@token_option
@json_option
def command(old: str, new: str, last: int, as_json: bool, **given: str | None) -> None:
    """Tell what changed from OLD to NEW: files, or releases as PRODUCT@VERSION.

    Releases are looked up in the directory or server that --to names, or the settings do: those
    for to, board and kind stand in for missing options.
    """
    settings = settings_for(given)
    found = difference(
        old,
        new,
        settings.destination() if settings.text("to") else None,
        board=settings.text("board"),
        kind=settings.kind(),
        last=last,
    )
    if as_json:
        print_json(document(found))
    else:
        _print(found)


def document(found: Difference) -> dict[str, Any]:
    """Returns a difference as JSON types."""
    comparison = found.comparison
    return {
        "old": _side_document(found.old, comparison.old_size),
        "new": _side_document(found.new, comparison.new_size),
        "delta": comparison.delta,
        "different": comparison.different,
        "share": round(comparison.share, 6),
        "segments": [
            {**asdict(one), "delta": one.delta, "share": round(one.share, 6)}
            for one in comparison.segments
        ],
        "changes": [asdict(one) for one in comparison.changes],
        "build": [asdict(one) for one in found.build],
        "trend": [{"version": str(one.version), "size": one.size} for one in found.trend],
    }


def _side_document(side: Side, size: int) -> dict[str, Any]:
    return {"name": side.name, "board": side.image.board if side.image else None, "size": size}


def _print(found: Difference) -> None:
    comparison = found.comparison
    click.echo(f"old  {_side(found.old)}, {comparison.old_size} bytes")
    click.echo(f"new  {_side(found.new)}, {comparison.new_size} bytes")
    click.echo(_summary(comparison))
    _print_segments(comparison.segments)
    _print_changes("image", comparison.changes)
    _print_changes("build", found.build)
    _print_trend(found)


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
    for one in segments:
        old, new = ("-" if size is None else str(size) for size in (one.old, one.new))
        rows.append((f"0x{one.address:08x}", old, new, f"{one.delta:+d}", _percent(one.share)))
    click.echo()
    table(rows, right=frozenset({1, 2, 3, 4}))


def _print_changes(what: str, changes: Sequence[Change]) -> None:
    if not changes:
        return
    rows = [(what, "old", "new")]
    rows += [
        (_cut(one.name, _NAME_CHARACTERS), _value(one.old), _value(one.new)) for one in changes
    ]
    click.echo()
    table(rows)


def _print_trend(found: Difference) -> None:
    if len(found.trend) < 2:
        return
    rows = [("release", "", "bytes", "change", "")]
    drawn = bars([one.size for one in found.trend], _BAR_CHARACTERS)
    before = None
    for one, bar in zip(found.trend, drawn, strict=True):
        change = "" if before is None else f"{one.size - before:+d}"
        version = _cut(str(one.version), _VERSION_CHARACTERS)
        rows.append((version, _mark(found, one.version), str(one.size), change, bar))
        before = one.size
    click.echo()
    table(rows, right=frozenset({2, 3}))


def _mark(found: Difference, version: object) -> str:
    def is_of(side: Side) -> bool:
        return side.release is not None and side.release.version == version

    return "new" if is_of(found.new) else "old" if is_of(found.old) else ""


def _percent(share: float) -> str:
    percent = 100 * share
    # A single changed byte of a megabyte must not look like none.
    return "<0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def _value(text: str | None) -> str:
    return "-" if text is None else _cut(text, _VALUE_CHARACTERS)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
