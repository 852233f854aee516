"""``acpublish doctor``: look for what keeps devices from their updates, and name the cure."""

from __future__ import annotations

from collections.abc import Sequence

import click

from acpublish.cli import status
from acpublish.cli.output import json_option, print_json, printable
from acpublish.doctor import Finding, State, check_server


@click.command("doctor", short_help="Look for what keeps devices from their updates.")
@click.argument("url")
@json_option
def command(url: str, as_json: bool) -> int:
    """Look at the server at URL as devices see it, and name each trouble with the line to change.

    It asks as AutoConnect, ESP8266 and ESP32 updaters do, through whatever proxy stands in between,
    and changes nothing. The exit status is 1 when something is wrong.
    """
    return _report(check_server(url), as_json=as_json)


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
        name_width = max((len(one.name) for one in findings), default=0)
        for one in findings:
            click.echo(f"{one.state.value:<7}  {one.name:<{name_width}}  {printable(_line(one))}")
        click.echo(_summary(counts))
    return status.NO if counts[State.ERROR] else status.OK


def _line(finding: Finding) -> str:
    return f"{finding.what}. {finding.change}" if finding.change else finding.what


def _summary(counts: dict[State, int]) -> str:
    troubles = [
        f"{counts[state]} {state.value}{'s' if counts[state] > 1 else ''}"
        for state in (State.ERROR, State.WARNING)
        if counts[state]
    ]
    fine = f"{counts[State.OK]} ok" if counts[State.OK] else ""
    return ", ".join([*troubles, fine] if fine else troubles) or "nothing was looked at"
