"""``acpublish import``: publish a folder of old .bin files as releases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    ANY_PATH,
    OptionValue,
    ca_option,
    insecure_http_option,
    settings_for,
    signing_key_option,
    to_option,
    token_option,
)
from acpublish.cli.ui import (
    Unfinished,
    confirm,
    json_option,
    print_error,
    print_json,
    table,
    warn,
)
from acpublish.errors import AcpublishError, SettingsError
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.importing import Imported, carry_out, plan_import
from acpublish.publishing.options import ImportOptions
from acpublish.publishing.result import describe
from acpublish.release.filenames import NamePattern
from acpublish.release.submission import Outcome

#: The settings of a project describe its own images, not a folder of files from several products.
_OF_EACH_FILE = frozenset({"product", "board", "channel"})
_HEAD = ("file", "product", "version", "board", "chip", "what would happen")
#: Old images usually have no place for a stamp, so this warning would appear for every file.
_EXPECTED = ("unstamped: ",)
#: As many readings of a name as a cell of the table shows.
_SHOWN = 2


@click.command("import")
@click.argument("directory", metavar="DIR", type=ANY_PATH)
@to_option
@click.option(
    "--pattern",
    metavar="P",
    help="How the files are named, such as '{product}_v{version}_{board}.bin'.",
)
@click.option("--product", metavar="P", help="The product of all files.")
@click.option("--board", metavar="B", help="The board of all files.")
@click.option(
    "--channel",
    metavar="C",
    help="The channel to publish them all to.",
)
@signing_key_option
@insecure_http_option
@token_option
@ca_option
@click.option("--dry-run", is_flag=True, help="Show what would happen, and do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@json_option
def command(
    directory: Path,
    pattern: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: OptionValue,
) -> int:
    """Publish the .bin files in DIR as releases, oldest version first, with unchanged bytes.

    From then on, devices that run one of them are recognised by its digest. Product and version
    come from the image if it contains them, otherwise from the file's name. Files that cannot be
    imported are listed and skipped. Running it again completes the import.
    """
    names = NamePattern.parse(pattern) if pattern else NamePattern()
    import_options = settings_for(options, without=_OF_EACH_FILE).import_options(names)
    if as_json and not (dry_run or yes):
        raise SettingsError("--json cannot ask for confirmation", hint="Add --yes, or --dry-run.")
    return _import(directory, import_options, ask=not yes, dry_run=dry_run, as_json=as_json)


def _import(
    directory: Path, options: ImportOptions, *, ask: bool, dry_run: bool, as_json: bool
) -> int:
    catalog = open_catalog(options.destination, publishing=True)
    plan = plan_import(directory, options, catalog)
    if not as_json:
        table([_HEAD, *map(_row, plan)])
    errors = _print_problems(plan)
    if not dry_run and any(map(_is_new, plan)):
        if ask and not _agreed():
            return exit_status.NO
        plan = _carried_out(plan, options, quiet=as_json)
    if as_json:
        print_json([document(file) for file in plan])
    elif not dry_run:
        files = "1 file is" if len(plan) == 1 else f"{len(plan)} files are"
        click.echo(f"{len(plan) - len(errors)} of {files} in the catalog")
        click.echo(options.destination.to)
    return exit_status.status_of(errors[0]) if errors else exit_status.OK


def _print_problems(plan: Sequence[Imported]) -> list[AcpublishError]:
    errors = []
    for imported in plan:
        name, publication = imported.file.name, imported.publication
        if imported.error:
            print_error(f"{name}: {imported.error}")
            errors.append(imported.error)
        for warning in publication.receipt.warnings if publication else ():
            if not warning.startswith(_EXPECTED):
                warn(f"{name}: {warning}")
    return errors


def _agreed() -> bool:
    return confirm("Import these files?", shown="the table", otherwise="nothing was imported")


def _carried_out(
    plan: Sequence[Imported], options: ImportOptions, *, quiet: bool
) -> tuple[Imported, ...]:
    done = dict[str, Imported]()
    try:
        for imported in carry_out(plan, open_catalog(options.destination, publishing=True)):
            done[imported.file.name] = imported
            if imported.publication and not quiet:
                click.echo(describe(imported.publication))
    except (Exception, KeyboardInterrupt) as error:
        published = [document(each) for each in done.values() if each.publication]
        if not quiet or not published:
            raise
        raise Unfinished(published) from error
    return tuple(done.get(planned.file.name, planned) for planned in plan)


def _is_new(imported: Imported) -> bool:
    publication = imported.publication
    return bool(publication and publication.receipt.outcome is not Outcome.ALREADY_PUBLISHED)


def _row(imported: Imported) -> tuple[str, ...]:
    file = imported.file
    cells = (
        _cell([reading.product for reading in file.known.readings]),
        _cell([reading.version for reading in file.known.readings]),
        _cell([reading.board for reading in file.known.readings]),
        file.chip or "?",
    )
    return (file.name, *cells, _what(imported))


def _cell(values: Iterable[object]) -> str:
    """Returns what the readings of a name have in one column."""
    texts = list(dict.fromkeys(str(value) if value else "?" for value in values)) or ["?"]
    return " or ".join([*texts[:_SHOWN], *(["…"] if len(texts) > _SHOWN else [])])


def _what(imported: Imported) -> str:
    if imported.publication is None:
        return "left out: ambiguous name" if imported.file.known.ambiguous else "left out"
    channel = imported.publication.submission.channel
    if _is_new(imported):
        return f"{imported.publication.receipt.outcome.value}, {channel}"
    return f"nothing (already published), {channel}"


def document(imported: Imported) -> dict[str, Any]:
    """Returns a file and its result as JSON types."""
    file, publication = imported.file, imported.publication
    return {
        "file": file.name,
        "product": file.known.product,
        "version": str(file.known.version) if file.known.version else None,
        "board": file.known.board,
        "chip": file.chip,
        "kind": file.known.kind,
        "channel": publication.submission.channel if publication else None,
        "points_at": str(publication.points_at) if publication and publication.points_at else None,
        "sha256": publication.receipt.sha256 if publication else None,
        "outcome": publication.receipt.outcome.value if publication else None,
        "dry_run": publication.dry_run if publication else None,
        "warnings": list(publication.receipt.warnings) if publication else [],
        "readings": [
            {
                "product": reading.product,
                "version": str(reading.version) if reading.version else None,
                "board": reading.board,
            }
            for reading in file.known.readings
        ],
        "problem": str(imported.error) if imported.error else None,
    }
