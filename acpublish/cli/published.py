"""What a publish came to, or would come to, as lines for a person and as JSON."""

from __future__ import annotations

from typing import Any

import click

from acpublish.cli.output import facts
from acpublish.publishing import Plan, Publication, describe
from acpublish.settings import Settings

__all__ = ["document", "tell"]


def tell(publication: Publication, settings: Settings, *, quiet: bool) -> None:
    """Prints what happened, of a dry run the plan, and last where to look.

    Args:
        publication: What the publish came to.
        settings: Where the version was set.
        quiet: Only the last line.
    """
    if not quiet:
        click.echo(describe(publication))
        if publication.plan:
            facts(_plan_rows(publication, publication.plan, settings))
        else:
            _tell_details(publication)
    click.echo(publication.receipt.url)


def _tell_details(publication: Publication) -> None:
    receipt = publication.receipt
    click.echo(f"{receipt.size} bytes, sha256 {receipt.sha256}")
    if receipt.compressed:
        click.echo(f"{receipt.compressed.size} bytes compressed {_share(publication)}")
    if publication.not_checked:
        click.echo(f"not checked: {', '.join(publication.not_checked)}")


def _plan_rows(publication: Publication, plan: Plan, settings: Settings) -> dict[str, object]:
    submission, receipt = publication.submission, publication.receipt
    gzip = receipt.compressed
    channel = f"stays at {plan.before}"
    if plan.before != plan.after:
        channel = f"from {plan.before or 'nothing'} to {plan.after}"
    return {
        "version": f"{submission.version}, from {_version_from(plan, settings)}",
        "file": f"{receipt.file}, {'new' if plan.new else 'there already'}",
        "size": f"{receipt.size} bytes",
        "sha256": receipt.sha256,
        "gzip": f"{gzip.size} bytes {_share(publication)}" if gzip else "none",
        "channel": f"{submission.channel}: {channel}",
        "signature": ", ".join(plan.signed_by) or "none",
        "not checked": ", ".join(publication.not_checked) or None,
        "request": plan.request or "none: the catalog is a directory",
    }


def _share(publication: Publication) -> str:
    receipt = publication.receipt
    size = receipt.compressed.size if receipt.compressed else 0
    return f"({100 * size / receipt.size:.0f} %)"


def _version_from(plan: Plan, settings: Settings) -> str:
    """Returns what the version was found in, and where that was set."""
    text, where = settings.text("version") or "", settings.origin("version") or ""
    found = plan.version_from or (text if text.startswith("env:") else "")
    return f"{found} ({where})" if found else where


def document(publication: Publication, settings: Settings) -> dict[str, Any]:
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
        "plan": _plan(publication.plan, settings) if publication.plan else None,
    }


def _plan(plan: Plan, settings: Settings) -> dict[str, Any]:
    return {
        "version_from": _version_from(plan, settings),
        "new": plan.new,
        "before": str(plan.before) if plan.before else None,
        "after": str(plan.after) if plan.after else None,
        "signed_by": list(plan.signed_by),
        "request": plan.request,
    }
