"""From ``pio run`` to every ESP8266 and ESP32 in the field.

The names below and those of :mod:`acpublish.errors` are the public API: they are kept from version
to version. Any other module may change. A name is loaded when it is first used (PEP 562), so
importing this package costs next to nothing inside a PlatformIO build.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acpublish.api import (
        create_key,
        publish,
        read_image,
        resign,
        show_key,
        sign,
        stamp,
        trust_keys,
        verify,
    )
    from acpublish.client.fleet_client import FleetClient
    from acpublish.client.update_server import UpdateServer
    from acpublish.errors import AcpublishError
    from acpublish.fleet.policy import Policy
    from acpublish.image.model import Image
    from acpublish.offering import channels, delete, history, promote, retain, rollback, withdraw
    from acpublish.policies import clear_policy, policy_of, set_policy
    from acpublish.publishing.result import Publication
    from acpublish.release.change_request import Changed
    from acpublish.release.channel_rows import ChannelRow
    from acpublish.release.channels import Change
    from acpublish.release.manifest import Release
    from acpublish.release.submission import Outcome, Receipt
    from acpublish.release.version import Version

__all__ = [
    "AcpublishError",
    "Change",
    "Changed",
    "ChannelRow",
    "FleetClient",
    "Image",
    "Outcome",
    "Policy",
    "Publication",
    "Receipt",
    "Release",
    "UpdateServer",
    "Version",
    "__version__",
    "channels",
    "clear_policy",
    "create_key",
    "delete",
    "history",
    "policy_of",
    "promote",
    "publish",
    "read_image",
    "resign",
    "retain",
    "rollback",
    "set_policy",
    "show_key",
    "sign",
    "stamp",
    "trust_keys",
    "verify",
    "withdraw",
]

_API = "create_key publish read_image resign show_key sign stamp trust_keys verify"
_OFFERING = "channels delete history promote retain rollback withdraw"
#: The module that each public name comes from.
_HOMES = {
    **dict.fromkeys(_API.split(), "api"),
    **dict.fromkeys(_OFFERING.split(), "offering"),
    **dict.fromkeys(("clear_policy", "policy_of", "set_policy"), "policies"),
    "AcpublishError": "errors",
    "Change": "release.channels",
    "Changed": "release.change_request",
    "ChannelRow": "release.channel_rows",
    "FleetClient": "client.fleet_client",
    "Image": "image.model",
    "Outcome": "release.submission",
    "Policy": "fleet.policy",
    "Publication": "publishing.result",
    "Receipt": "release.submission",
    "Release": "release.manifest",
    "UpdateServer": "client.update_server",
    "Version": "release.version",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("acpublish")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
