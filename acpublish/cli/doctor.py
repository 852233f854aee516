"""``acpublish doctor``: find what prevents devices from updating, and how to fix it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import ca_for, ca_option, old_to_argument, one_catalog, to_option
from acpublish.cli.ui import STATES, json_option, print_json, table
from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from acpublish.doctor.local import check_local


@click.command("doctor")
@to_option
@old_to_argument
@ca_option
@json_option
def command(to: str | None, old_to: str | None, ca: str | None, as_json: bool) -> int:
    """Examine this machine and the project in this folder; name each problem and its fix.

    With --to URL, examine the server as devices see it instead: send the requests of AutoConnect
    and of the ESP8266 and ESP32 updaters, through any proxy in front of it. With --to DIR, examine
    the project as if it published there. Nothing is changed. The exit status is 1 if an error is
    found.
    """
    catalog = one_catalog(to, old_to)
    if old_to is not None or (catalog is not None and "://" in catalog):
        url = str(catalog)
        findings = check_server(url, ca_for(url, ca))
    else:
        options = {"ACPUBLISH_TO": catalog, "ACPUBLISH_CA": ca}
        given = {name: text for name, text in options.items() if text is not None}
        findings = check_local(Path(), {**os.environ, **given})
    return _report(findings, as_json=as_json)


def _report(findings: Sequence[Finding], *, as_json: bool) -> int:
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    if as_json:
        print_json(
            {
                "errors": counts[State.ERROR],
                "warnings": counts[State.WARNING],
                "findings": [
                    {
                        "name": finding.name,
                        "state": finding.state.value,
                        "what": finding.what,
                        "change": finding.change or None,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        rows = [(finding.state.value, finding.name, _line(finding)) for finding in findings]
        table(rows, colours=STATES)
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
