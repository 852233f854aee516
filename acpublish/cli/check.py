"""``acpublish check``: run the pre-flight checks without publishing, and explain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from acpublish import api
from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    ANY_PATH,
    OptionValue,
    ca_option,
    environment_option,
    release_options,
    settings_for,
    to_option,
    token_option,
)
from acpublish.cli.ui import STATES, json_option, print_json, table
from acpublish.errors import CheckError
from acpublish.release.checks.facts import Result, Severity
from acpublish.release.checks.registry import CHECKS, find_check


@click.command("check")
@click.argument("file", type=ANY_PATH, required=False)
@click.option("--explain", metavar="NAME", help="Explain what a check does, and why.")
@click.option("--list", "listed", is_flag=True, help="List all checks.")
@to_option
@release_options()
@token_option
@ca_option
@environment_option
@json_option
def command(
    file: Path | None,
    explain: str | None,
    listed: bool,
    as_json: bool,
    project_environment: str | None,
    **options: OptionValue,
) -> int:
    """Run the publish checks on FILE with the information available; nothing is published.

    The image is checked as it would be published: stamped, if product and version are known. A
    check that does not have the information it needs reports "not checked". The exit status is 7 if
    a check finds an error. The settings are those of acpublish publish.
    """
    if explain or listed:
        names = [explain] if explain else [check.name for check in CHECKS]
        _explain(names, as_json, short=listed)
        return exit_status.OK
    if file is None:
        raise click.UsageError("Pass a FILE, --explain NAME or --list")
    settings = settings_for(options, project_environment, defaults=True)
    results = api.check_with(file, settings.check_options())
    if as_json:
        print_json([document(result) for result in results])
    else:
        table([row for result in results for row in result.rows()], colours=STATES)
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
            {"severity": finding.severity.value, "problem": finding.problem, "hint": finding.hint}
            for finding in result.findings
        ],
        "lacks": result.lacks or None,
        "reason": result.reason or None,
    }


def _explain(names: Sequence[str], as_json: bool, *, short: bool) -> None:
    checks = [find_check(name) for name in names]
    if as_json:
        print_json(
            [
                {
                    "check": check.name,
                    "severity": check.severity.value,
                    "kinds": list(check.kinds),
                    "protected": check.protected,
                    "explanation": check.explanation,
                }
                for check in checks
            ]
        )
    elif short:
        table(
            [
                (check.name, check.severity.value, check.explanation.split(". ")[0].rstrip("."))
                for check in checks
            ]
        )
    else:
        for check in checks:
            off = "It cannot be skipped." if check.protected else "It can be skipped."
            click.echo(f"{check.name} ({check.severity.value}): {check.explanation} {off}")
