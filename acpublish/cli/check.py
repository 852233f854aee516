"""``acpublish check``: make the pre-flight checks without publishing, and explain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from acpublish import api
from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    ANY_PATH,
    environment_option,
    repeated,
    settings_for,
    token_option,
)
from acpublish.cli.ui import json_option, print_json, table
from acpublish.errors import CheckError
from acpublish.release.checks.facts import Result, Severity
from acpublish.release.checks.registry import CHECKS, find_check


@click.command("check", short_help="Make the pre-flight checks, and explain them.")
@click.argument("file", type=ANY_PATH, required=False)
@click.option("--explain", metavar="NAME", help="Say what a check looks at, and why.")
@click.option("--list", "listed", is_flag=True, help="List all checks.")
@click.option("--to", metavar="DIR|URL", help="Where earlier releases are looked up.")
@click.option("--product", metavar="P", help="The product that the image belongs to.")
@click.option("--version", metavar="V", help="SemVer 2.0.0, git, git:PREFIX, file:PATH, env:NAME.")
@click.option("--board", metavar="B", help="The board that the image is made for.")
@click.option("--channel", metavar="C", help="The channel that shall point at it.")
@click.option("--kind", metavar="KIND", help="firmware or filesystem.  [firmware]")
@click.option("--chip", metavar="CHIP", help="The board's chip: esp8266, esp32c3, …")
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
    help="Switch a check off. May be repeated.",
)
@click.option(
    "--signing-key",
    "--key",
    metavar="PEM",
    help="The file of the private key that would sign the release.",
)
@token_option
@environment_option
@json_option
def command(
    file: Path | None,
    explain: str | None,
    listed: bool,
    as_json: bool,
    skip_checks: tuple[str, ...],
    accept_secrets: tuple[str, ...],
    project_environment: str | None,
    **given: str | None,
) -> int:
    """Make the checks of a publish on FILE, with what is known of it; nothing is published.

    The image is checked as it would be published: stamped, when product and version are given. A
    check that lacks what it needs to know says "not checked". The exit status is 7 when a check
    found an error. The settings are those of acpublish publish.
    """
    if explain or listed:
        _explain([explain] if explain else [one.name for one in CHECKS], as_json, short=listed)
        return exit_status.OK
    if file is None:
        raise click.UsageError("Give a FILE, --explain NAME or --list")
    lists = repeated(skip_checks, accept_secrets)
    settings = settings_for({**given, **lists}, project_environment, defaults=True)
    results = api.check_with(file, settings.check_options())
    if as_json:
        print_json([document(one) for one in results])
    else:
        _print(results)
    failed = any(
        finding.severity is Severity.ERROR for result in results for finding in result.findings
    )
    return exit_status.status_of(CheckError("", hint="")) if failed else exit_status.OK


def document(result: Result) -> dict[str, Any]:
    """Returns the result of a check as JSON types."""
    return {
        "check": result.check.name,
        "result": result.outcome,
        "findings": [
            {"severity": one.severity.value, "problem": one.problem, "hint": one.hint}
            for one in result.findings
        ],
        "lacks": result.lacks or None,
        "reason": result.reason or None,
    }


def _print(results: Sequence[Result]) -> None:
    table([row for result in results for row in result.rows()])


def _explain(names: Sequence[str], as_json: bool, *, short: bool) -> None:
    found = [find_check(name) for name in names]
    if as_json:
        print_json(
            [
                {
                    "check": one.name,
                    "severity": one.severity.value,
                    "kinds": list(one.kinds),
                    "protected": one.protected,
                    "explanation": one.explanation,
                }
                for one in found
            ]
        )
    elif short:
        table(
            [
                (one.name, one.severity.value, one.explanation.split(". ")[0].rstrip("."))
                for one in found
            ]
        )
    else:
        for one in found:
            off = "It cannot be switched off." if one.protected else "It can be switched off."
            click.echo(f"{one.name} ({one.severity.value}): {one.explanation} {off}")
