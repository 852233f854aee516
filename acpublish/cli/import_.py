"""``acpublish import``: make releases of a folder of old .bin files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import ANY_PATH, insecure_http_option, settings_for, token_option
from acpublish.cli.ui import json_option, print_json, printable, table, warn
from acpublish.errors import AcpublishError, SettingsError
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.importing import Imported, carry_out, plan_import
from acpublish.publishing.options import ImportOptions
from acpublish.publishing.result import describe
from acpublish.release.filenames import NamePattern
from acpublish.release.submission import Outcome

#: What a project says of its images says nothing of a folder of files, which may be of several.
_OF_EACH_FILE = frozenset({"product", "board", "channel"})
_HEAD = ("file", "product", "version", "board", "chip", "what would happen")
#: That an old image has no place for a stamp is why it is imported.
_EXPECTED = "unstamped: "


@click.command("import", short_help="Make releases of a folder of old .bin files.")
@click.argument("directory", metavar="DIR", type=ANY_PATH)
@click.option("--to", metavar="DIR|URL", help="A catalog directory or a server's address.")
@click.option(
    "--pattern",
    metavar="P",
    help="How the files are named, such as '{product}_v{version}_{board}.bin'.",
)
@click.option("--product", metavar="P", help="The product of all files.")
@click.option("--board", metavar="B", help="The board of all files.")
@click.option("--channel", metavar="C", help="The channel that shall point at them.  [stable]")
@click.option(
    "--signing-key",
    "--key",
    metavar="PEM",
    help="The file of the private key that signs the releases.",
)
@insecure_http_option
@token_option
@click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def command(
    directory: Path,
    pattern: str | None,
    insecure_http: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **given: str | None,
) -> int:
    """Make releases of the .bin files in DIR, oldest version first, with the bytes they have.

    Devices that run one of them are recognised by its digest from then on. Product and version
    come from the image where it tells them, otherwise from the file's name; what cannot be
    imported is named and left out. Doing it again completes it.
    """
    names = NamePattern.parse(pattern) if pattern else NamePattern()
    switches = {"insecure_http": "yes" if insecure_http else None}
    settings = settings_for({**given, **switches}, without=_OF_EACH_FILE)
    options = settings.import_options(names)
    if as_json and not (dry_run or yes):
        raise SettingsError(
            "a JSON document leaves no room for a question", hint="Add --yes, or --dry-run."
        )
    return _import(directory, options, ask=not yes, dry_run=dry_run, as_json=as_json)


def _import(
    directory: Path, options: ImportOptions, *, ask: bool, dry_run: bool, as_json: bool
) -> int:
    catalog = open_catalog(options.destination, publishing=True)
    plan = plan_import(directory, options, catalog)
    if not as_json:
        table([_HEAD, *(_row(one) for one in plan)])
    faults = _tell_faults(plan)
    if not dry_run and any(map(_is_new, plan)):
        if ask and not _agreed():
            click.echo("nothing was imported")
            return exit_status.NO
        plan = _carried_out(plan, options, quiet=as_json)
    if as_json:
        print_json([document(one) for one in plan])
    elif not dry_run:
        click.echo(f"{len(plan) - len(faults)} of {len(plan)} files are in the catalog")
        click.echo(options.destination.to)
    return exit_status.status_of(faults[0]) if faults else exit_status.OK


def _tell_faults(plan: Sequence[Imported]) -> list[AcpublishError]:
    faults = []
    for one in plan:
        if one.error:
            click.echo(f"acpublish: error: {printable(f'{one.file.name}: {one.error}')}", err=True)
            faults.append(one.error)
        for warning in one.publication.receipt.warnings if one.publication else ():
            if not warning.startswith(_EXPECTED):
                warn(f"{one.file.name}: {warning}")
    return faults


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise SettingsError(
            "there is no terminal to ask on, so nothing was imported",
            hint="Look at the table, and add --yes.",
        )
    return click.confirm("Import these files?")


def _carried_out(
    plan: Sequence[Imported], options: ImportOptions, *, quiet: bool
) -> tuple[Imported, ...]:
    done = {}
    for one in carry_out(plan, open_catalog(options.destination, publishing=True)):
        done[one.file.name] = one
        if one.publication and not quiet:
            click.echo(describe(one.publication))
    return tuple(done.get(one.file.name, one) for one in plan)


def _is_new(one: Imported) -> bool:
    publication = one.publication
    return bool(publication and publication.receipt.outcome is not Outcome.ALREADY_PUBLISHED)


def _row(one: Imported) -> tuple[str, ...]:
    file = one.file
    known = (file.product, file.version, file.board, file.chip)
    return (file.name, *(str(text) if text else "?" for text in known), _what(one))


def _what(one: Imported) -> str:
    if one.publication is None:
        return "left out"
    channel = one.publication.submission.channel
    if _is_new(one):
        return f"{one.publication.receipt.outcome.value}, {channel}"
    return f"nothing, is there already, {channel}"


def document(one: Imported) -> dict[str, Any]:
    """Returns a file, and what became of it, as JSON types."""
    file, publication = one.file, one.publication
    return {
        "file": file.name,
        "product": file.product,
        "version": str(file.version) if file.version else None,
        "board": file.board,
        "chip": file.chip,
        "kind": file.kind,
        "channel": publication.submission.channel if publication else None,
        "sha256": publication.receipt.sha256 if publication else None,
        "outcome": publication.receipt.outcome.value if publication else None,
        "dry_run": publication.dry_run if publication else None,
        "warnings": list(publication.receipt.warnings) if publication else [],
        "problem": str(one.error) if one.error else None,
    }
