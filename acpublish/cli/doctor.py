"""``acpublish doctor``: look for what keeps devices from their updates, and name the cure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from acpublish.cli import exit_status
from acpublish.cli.ui import json_option, print_json, table
from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from acpublish.doctor.local import check_local


@click.command("doctor", short_help="Look for what keeps devices from their updates.")
@click.argument("url", required=False)
@json_option
def command(url: str | None, as_json: bool) -> int:
    """Look at this machine and the project in this folder, and name each trouble with its cure.

    With URL, look at the server there as devices see it instead: ask as AutoConnect, ESP8266 and
    ESP32 updaters do, through whatever proxy stands in between. Nothing is changed. The exit status
    is 1 when something is wrong.
    """
    findings = check_server(url) if url else check_local(Path(), os.environ)
    return _report(findings, as_json=as_json)


def _report(findings: Sequence[Finding], *, as_json: bool) -> int:
    counts = {state: sum(one.state is state for one in findings) for state in State}
    if as_json:
        print_json(
            {
                "errors": counts[State.ERROR],
                "warnings": counts[State.WARNING],
                "findings": [
                    {
                        "name": one.name,
                        "state": one.state.value,
                        "what": one.what,
                        "change": one.change or None,
                    }
                    for one in findings
                ],
            }
        )
    else:
        table([(one.state.value, one.name, _line(one)) for one in findings])
        click.echo(_summary(counts))
    return exit_status.NO if counts[State.ERROR] else exit_status.OK


def _line(finding: Finding) -> str:
    return f"{finding.what}. {finding.change}" if finding.change else finding.what


def _summary(counts: dict[State, int]) -> str:
    words = {State.ERROR: "error", State.WARNING: "warning"}
    parts = [
        f"{counts[state]} {word}{'s' if counts[state] > 1 else ''}"
        for state, word in words.items()
        if counts[state]
    ]
    rest = (State.OK, State.NOT_CHECKED)
    parts += [f"{counts[state]} {state.value}" for state in rest if counts[state]]
    return ", ".join(parts)
