"""What a publish came to, or would come to, as lines for a person and as JSON.

``acpublish publish``: stamp an image and publish it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from acpublish.api import publish_with
from acpublish.cli.common_options import (
    ANY_PATH,
    environment_option,
    insecure_http_option,
    repeated,
    set_volume,
    settings_for,
    token_option,
    volume_options,
)
from acpublish.cli.ui import facts, json_option, print_json, upload_bar, warn
from acpublish.publishing import git as origin
from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.result import Plan, Publication, describe
from acpublish.release.declared import Declared
from acpublish.settings.values import Settings

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


@click.command("publish", short_help="Stamp an image and publish it.")
@click.argument("file", type=ANY_PATH)
@click.option("--to", metavar="DIR|URL", help="A catalog directory or a server's address.")
@click.option("--product", metavar="P", help="The product that the image belongs to.")
@click.option("--version", metavar="V", help="SemVer 2.0.0, git, git:PREFIX, file:PATH, env:NAME.")
@click.option("--board", metavar="B", help="The board that the image is made for.")
@click.option("--channel", metavar="C", help="The channel that shall point at it.  [stable]")
@click.option("--kind", metavar="KIND", help="firmware or filesystem.  [firmware]")
@click.option("--chip", metavar="CHIP", help="The board's chip, to be checked: esp8266, esp32c3, …")
@click.option("--compress", is_flag=True, help="Publish a gzip of the image, too (ESP8266 only).")
@click.option("--core", metavar="V", help="The ESP8266 Arduino core it was built with: 3.1.2, …")
@click.option("--secret-scan", metavar="MODE", help="warning, error or off.  [warning]")
@click.option(
    "--accept-secret",
    "accept_secrets",
    metavar="DIGEST",
    multiple=True,
    help="Accept a secret that was found. May be repeated.",
)
@click.option("--partitions", metavar="FILE", help="The board's partition table, CSV or binary.")
@click.option(
    "--skip-check",
    "skip_checks",
    metavar="NAME=REASON",
    multiple=True,
    help="Switch a check off; the reason is kept in the manifest. May be repeated.",
)
@click.option(
    "--signing-key",
    "--key",
    metavar="PEM",
    help="The file of the private key that signs the release.",
)
@insecure_http_option
@token_option
@environment_option
@click.option("--dry-run", is_flag=True, help="Do all but the write, and print the plan.")
@json_option
@volume_options
def command(
    file: Path,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    insecure_http: bool,
    compress: bool,
    skip_checks: tuple[str, ...],
    accept_secrets: tuple[str, ...],
    project_environment: str | None,
    **given: str | None,
) -> None:
    """Stamp FILE and publish it to a catalog directory or an update server.

    FILE is never changed. Publishing the same bytes again is a success; other bytes under a
    version that exists are refused. The environment variables ACPUBLISH_TO, ACPUBLISH_PRODUCT and
    so on stand in for missing options, then the files that acpublish config shows. The token for
    a server comes from ACPUBLISH_TOKEN, a file or standard input.
    """
    set_volume(quiet=quiet, verbose=verbose)
    switches = {"insecure_http": insecure_http, "compress": compress}
    given |= {name: "yes" if on else None for name, on in switches.items()}
    lists = repeated(skip_checks, accept_secrets)
    settings = settings_for({**given, **lists}, project_environment, defaults=True)
    git = origin.state_of(file.parent)
    options = settings.publish_options(
        provenance={**origin.of_tools("acpublish"), **origin.of_git(git)},
        private=origin.private_of_git(file.parent) if git else {},
        declared=Declared(changed=git.changed if git else None),
    )
    with upload_bar(wanted=not (as_json or quiet or verbose)) as sent:
        publication = publish_with(file, options, dry_run=dry_run, sent=sent)
    for warning in (*publication.receipt.warnings, *report_to_workflow(publication, os.environ)):
        warn(warning)
    if as_json:
        print_json(document(publication, settings))
    else:
        tell(publication, settings, quiet=quiet)
