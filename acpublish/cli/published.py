"""What a publish came to, as lines for a person and as JSON."""

from __future__ import annotations

from typing import Any

import click

from acpublish.publishing import Publication, describe

__all__ = ["document", "tell"]


def tell(publication: Publication, *, quiet: bool) -> None:
    """Prints what happened, and last where to look.

    Args:
        publication: What the publish came to.
        quiet: Only the last line.
    """
    if not quiet:
        click.echo(describe(publication))
        for line in _details(publication):
            click.echo(line)
    click.echo(publication.receipt.url)


def _details(publication: Publication) -> list[str]:
    receipt = publication.receipt
    lines = [f"{receipt.size} bytes, sha256 {receipt.sha256}"]
    if receipt.compressed:
        share = 100 * receipt.compressed.size / receipt.size
        lines.append(f"{receipt.compressed.size} bytes compressed ({share:.0f} %)")
    if publication.not_checked:
        lines.append(f"not checked: {', '.join(publication.not_checked)}")
    return lines


def document(publication: Publication) -> dict[str, Any]:
    """Returns a publication as JSON types."""
    submission, receipt = publication.submission, publication.receipt
    return {
        "outcome": receipt.outcome.value,
        "dry_run": publication.dry_run,
        "product": submission.product,
        "version": str(submission.version),
        "board": submission.board,
        "channel": submission.channel,
        "kind": submission.kind,
        "file": receipt.file,
        "size": receipt.size,
        "md5": receipt.md5,
        "sha256": receipt.sha256,
        "compressed": receipt.compressed.to_dict() if receipt.compressed else None,
        "url": receipt.url,
        "warnings": list(receipt.warnings),
        "not_checked": dict(publication.not_checked),
    }
