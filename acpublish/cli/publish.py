"""``acpublish publish``: stamp an image and publish it; the result as lines and as JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from acpublish.api import publish_with, read_image
from acpublish.cli.common_options import (
    OptionValue,
    ca_option,
    environment_option,
    insecure_http_option,
    release_options,
    set_volume,
    settings_for,
    to_option,
    token_option,
    volume_options,
)
from acpublish.cli.ui import (
    Unfinished,
    facts,
    json_option,
    print_error,
    print_json,
    upload_bar,
    warn,
)
from acpublish.errors import AcpublishError, NotAnImageError, SettingsError
from acpublish.image.model import Kind
from acpublish.publishing import git
from acpublish.publishing.batch import BatchFile, refusals
from acpublish.publishing.destinations import Sent
from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.result import Plan, Publication, describe, not_checked
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.settings.values import Settings


@click.command("publish")
@click.argument("words", metavar="[BOARD=]FILE...", nargs=-1, required=True)
@to_option
@release_options(default_channel="stable")
@click.option("--compress", is_flag=True, help="Also publish a gzip of the image (ESP8266 only).")
@click.option(
    "--no-downgrade-below",
    metavar="V",
    help="Devices that run it never go back to a lower release.",
)
@click.option(
    "--requires",
    metavar="V",
    help="Offer it only to devices that run such a version, as in '>=1.4.0'.",
)
@click.option("--by", metavar="TEXT", help="Who publishes it; for a directory.")
@click.option("--core", metavar="V", help="The ESP8266 Arduino core that built the image: 3.1.2, …")
@insecure_http_option
@token_option
@ca_option
@environment_option
@click.option("--dry-run", is_flag=True, help="Do everything except write, and print the plan.")
@json_option
@volume_options
def command(
    words: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    project_environment: str | None,
    **options: OptionValue,
) -> None:
    """Stamp FILE and publish it to a catalog directory or an update server.

    FILE is never changed. Publishing the same bytes again succeeds; different bytes under an
    existing version are refused. Missing options are read from environment variables (ACPUBLISH_TO,
    ACPUBLISH_PRODUCT, …), then from the files that acpublish config shows. The token for a server
    is read from ACPUBLISH_TOKEN, a file or standard input.

    Several files are all checked before the first is published; each but one needs its BOARD.
    Among them, filesystem images are published as such without --kind.
    """
    set_volume(quiet=quiet, verbose=verbose)
    settings = settings_for(options, project_environment, defaults=True)
    files = [_file(word, settings, several=len(words) > 1) for word in words]
    if len(files) > 1:
        _refuse(refusals(files))
    publications: list[Publication] = []
    try:
        for file in files:
            with upload_bar(wanted=not (as_json or quiet or verbose)) as sent:
                publication = _published(file, files, publications, dry_run=dry_run, sent=sent)
            publications.append(publication)
            _warn(file, publication, several=len(files) > 1)
            if not as_json:
                _print(publication, settings, quiet=quiet)
    except (Exception, KeyboardInterrupt) as error:
        if not as_json or dry_run or not publications:
            raise
        raise Unfinished([document(each, settings) for each in publications]) from error
    if as_json:
        documents = [document(publication, settings) for publication in publications]
        print_json(documents if len(files) > 1 else documents[0])
    elif len(files) > 1 and not quiet:
        done = "would be" if dry_run else "are"
        click.echo(f"{len(files)} files {done} in {settings.destination().to}")


def _warn(file: BatchFile, publication: Publication, *, several: bool) -> None:
    for warning in (
        *publication.receipt.warnings,
        *report_to_workflow(publication, os.environ),
    ):
        warn(f"{file.path}: {warning}" if several else warning)


def _file(word: str, settings: Settings, *, several: bool) -> BatchFile:
    """Returns an image of the command line, and what it is to be published as."""
    board, name = _board_and_name(word)
    path = Path(name)
    if several and board is None and settings.text("board") is None:
        raise SettingsError(
            f"{path}: no board is given", hint="Name the board of each file: BOARD=FILE."
        )
    state = git.state_of(path.parent)
    options = settings.publish_options(
        board=board,
        provenance={**git.of_tools("acpublish"), **git.of_git(state)},
        private=git.private_of_git(path.parent) if state else {},
        declared=Declared(changed=state.changed if state else None),
    )
    if board is not None:
        options = replace(options, board=names.board(board))
    if several and settings.text("kind") is None and _is_filesystem(path):
        options = replace(options, kind="filesystem")
    return BatchFile(path=path, options=options)


def _board_and_name(word: str) -> tuple[str | None, str]:
    """Splits BOARD=FILE; a file whose own name looks like that comes first.

    Raises:
        BadNameError: The board is not a valid name.
    """
    board, separator, name = word.partition("=")
    if not separator or os.path.lexists(word):
        return None, word
    if os.path.lexists(name) or (name and names.is_name(board)):
        return names.board(board), name
    return None, word


def _is_filesystem(path: Path) -> bool:
    try:
        return read_image(path).kind is Kind.FILESYSTEM
    except NotAnImageError:
        # The checks report it, together with what is wrong with other files.
        return False


def _refuse(errors: Sequence[AcpublishError]) -> None:
    """Ends the command if a file was refused; the last error says that nothing was published."""
    for error in errors[:-1]:
        print_error(str(error))
    if errors:
        errors[-1].hint += " Nothing was published."
        raise errors[-1]


def _published(
    file: BatchFile,
    files: Sequence[BatchFile],
    done: Sequence[Publication],
    *,
    dry_run: bool,
    sent: Sent | None,
) -> Publication:
    try:
        return publish_with(file.path, file.options, dry_run=dry_run, sent=sent)
    except AcpublishError as error:
        if len(files) == 1:
            raise
        named = file.named(error)
        if not dry_run:
            named.hint += (
                f" Of {len(files)} files, {len(done)} {'was' if len(done) == 1 else 'were'} "
                "published; run the same command again to publish the others."
            )
        raise named from error


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
        "points_at": str(receipt.points_at) if receipt.points_at else None,
        "rolling": receipt.rolling,
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


def _print(publication: Publication, settings: Settings, *, quiet: bool) -> None:
    """Prints what happened, the plan of a dry run, and the URL as the last line."""
    if not quiet:
        click.echo(describe(publication))
        if publication.plan:
            facts(_plan_rows(publication, publication.plan, settings))
        else:
            _print_details(publication)
    click.echo(publication.receipt.url)


def _print_details(publication: Publication) -> None:
    receipt = publication.receipt
    click.echo(f"{receipt.size} bytes, sha256 {receipt.sha256}")
    if receipt.compressed:
        click.echo(f"{receipt.compressed.size} bytes compressed {_share(publication)}")
    if publication.not_checked:
        click.echo(f"not checked: {not_checked(publication)}")


def _plan_rows(publication: Publication, plan: Plan, settings: Settings) -> dict[str, object]:
    submission, receipt = publication.submission, publication.receipt
    gzip = receipt.compressed
    channel = f"stays at {plan.before}"
    if plan.before != plan.after:
        channel = f"from {plan.before or 'nothing'} to {plan.after}"
    return {
        "version": f"{submission.version}, from {_version_from(plan, settings)}",
        "file": f"{receipt.file}, {'new' if plan.new else 'already published'}",
        "size": f"{receipt.size} bytes",
        "sha256": receipt.sha256,
        "gzip": f"{gzip.size} bytes {_share(publication)}" if gzip else "none",
        "channel": f"{submission.channel}: {channel}",
        "signature": ", ".join(plan.signed_by) or "none",
        "not checked": not_checked(publication) or None,
        "request": plan.request or "none: the catalog is a directory",
    }


def _share(publication: Publication) -> str:
    receipt = publication.receipt
    size = receipt.compressed.size if receipt.compressed else 0
    return f"({100 * size / receipt.size:.0f} %)"


def _version_from(plan: Plan, settings: Settings) -> str:
    """Returns where the version was read from, and where that was set."""
    text, origin = settings.text("version") or "", settings.origin("version") or ""
    source = plan.version_from or (text if text.startswith("env:") else "")
    return f"{source} ({origin})" if source else origin
