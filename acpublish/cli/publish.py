"""``acpublish publish``: stamp an image and publish it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from acpublish.api import publish_with
from acpublish.cli.given import (
    environment_option,
    insecure_http_option,
    repeated,
    settings_for,
    token_option,
)
from acpublish.cli.output import json_option, print_json, warn
from acpublish.cli.paths import ANY_PATH
from acpublish.cli.progress import upload_bar
from acpublish.cli.published import document, tell
from acpublish.cli.volume import set_volume, volume_options
from acpublish.publishing import origin, tell_workflow
from acpublish.release import Declared


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
    for warning in (*publication.receipt.warnings, *tell_workflow(publication, os.environ)):
        warn(warning)
    if as_json:
        print_json(document(publication, settings))
    else:
        tell(publication, settings, quiet=quiet)
