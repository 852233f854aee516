"""Commands that the pages show to be copied, with this server filled in."""

from __future__ import annotations

import shlex
from typing import NamedTuple
from urllib.parse import urlsplit

from acpublish.server.hosts import is_loopback
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope


def destination(visit: Visit) -> str:
    """Returns the options with which a command publishes to this server."""
    address = urlsplit(visit.url)
    # As the client does, which sends no token over plain http to what may be another machine.
    secure = address.scheme == "https" or is_loopback(address.hostname)
    return f"--to {visit.url}{'' if secure else ' --insecure-http'}"


def with_state(command: str, visit: Visit) -> str:
    """Returns a command with the option by which it finds this server's tokens.

    Who is not on this machine gets it without, and so learns nothing of the machine's folders.
    """
    if not (visit.is_local or visit.may(Scope.MANAGE)):
        return command
    return f"{command} --state {shlex.quote(str(visit.site.tokens.state))}"


class Step(NamedTuple):
    """A step, with the commands to copy."""

    key: str
    commands: tuple[str, ...]


def first_steps(visit: Visit) -> list[Step]:
    """Returns the steps to a first release."""
    url = visit.url
    return [
        Step("token", (with_state("acpublish token create --publish '*'", visit),)),
        Step(
            "publish",
            (
                "export ACPUBLISH_TOKEN=acp_…",
                "acpublish publish firmware.bin --product lamp --version 1.0.0 \\\n"
                f"  --board d1_mini {destination(visit)}",
            ),
        ),
        Step("device", (f"acpublish emulate --to {url} --auto lamp/d1_mini --version 0.0.1",)),
    ]
