"""``acpublish config``: the settings in effect in this folder, and where they come from."""

from __future__ import annotations

import click

from acpublish.cli.common_options import environment_option, settings_for
from acpublish.cli.ui import json_option, print_json, table, warn
from acpublish.settings.showing import Shown, shown

_NOT_SET = "-"


@click.command("config")
@environment_option
@click.option("--show-origin", is_flag=True, help="Also show where each value comes from.")
@json_option
def command(project_environment: str | None, show_origin: bool, as_json: bool) -> None:
    """Show the settings in effect in this folder; for a secret, only that it is set.

    In a PlatformIO project, these are the settings that are the same in all environments, or those
    of ENV. A value that is not valid is marked, and a warning explains why.
    """
    settings = shown(settings_for({}, project_environment, defaults=True))
    if as_json:
        print_json(
            [
                {
                    "setting": row.name,
                    "value": row.value,
                    "origin": row.origin,
                    "problem": row.problem,
                }
                for row in settings
            ]
        )
        return
    columns = 3 if show_origin else 2
    table([(row.name, _line(row), row.origin or "")[:columns] for row in settings])
    for row in settings:
        if row.problem:
            warn(row.problem)


def _line(row: Shown) -> str:
    value = "; ".join(row.value.splitlines()) if row.value else _NOT_SET
    return f"{value} (not valid)" if row.problem else value
