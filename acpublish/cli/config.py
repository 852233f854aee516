"""``acpublish config``: the settings in effect in this folder, and where they come from."""

from __future__ import annotations

import click

from acpublish.cli.common_options import environment_option, settings_for
from acpublish.cli.ui import json_option, print_json, table
from acpublish.settings.showing import shown

_NOT_SET = "-"


@click.command("config")
@environment_option
@click.option("--show-origin", is_flag=True, help="Also show where each value comes from.")
@json_option
def command(project_environment: str | None, show_origin: bool, as_json: bool) -> None:
    """Show the settings in effect in this folder; for a secret, only that it is set.

    In a PlatformIO project, these are the settings that are the same in all environments, or those
    of ENV.
    """
    settings = shown(settings_for({}, project_environment, defaults=True))
    if as_json:
        print_json(
            [{"setting": row.name, "value": row.value, "origin": row.origin} for row in settings]
        )
        return
    columns = 3 if show_origin else 2
    table([(row.name, _line(row.value), row.origin or "")[:columns] for row in settings])


def _line(value: str | None) -> str:
    return "; ".join(value.splitlines()) if value else _NOT_SET
