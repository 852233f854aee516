"""``acpublish config``: what is set here, and where that comes from."""

from __future__ import annotations

import click

from acpublish.cli.common_options import environment_option, settings_for
from acpublish.cli.ui import json_option, print_json, table
from acpublish.settings.showing import shown

_NOT_SET = "-"


@click.command("config", short_help="Show the settings, and where they come from.")
@environment_option
@click.option("--show-origin", is_flag=True, help="Say where each value comes from, too.")
@json_option
def command(project_environment: str | None, show_origin: bool, as_json: bool) -> None:
    """Show the settings that count in this folder; of a secret only that it is there.

    In a PlatformIO project these are the ones that all environments have alike, or those of ENV.
    """
    found = shown(settings_for({}, project_environment, defaults=True))
    if as_json:
        print_json(
            [{"setting": one.name, "value": one.value, "origin": one.origin} for one in found]
        )
        return
    columns = 3 if show_origin else 2
    table([(one.name, _line(one.value), one.origin or "")[:columns] for one in found])


def _line(value: str | None) -> str:
    return "; ".join(value.splitlines()) if value else _NOT_SET
