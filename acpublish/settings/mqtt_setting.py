"""A server's MQTT broker: from an option, or from a variable, which no list of processes shows."""

from __future__ import annotations

from collections.abc import Mapping

from acpublish.errors import SettingsError
from acpublish.notices.mqtt_address import MqttAddress

_OPTION = "--mqtt"
_VARIABLE = "ACPUBLISH_MQTT"
#: What a command says about a password that it was given as an option.
SHOWN_TO_ALL = (
    f"the password in {_OPTION} is shown to everyone who can list processes; set the URL in the "
    f"environment variable {_VARIABLE}"
)


def mqtt_address(option: str | None, environ: Mapping[str, str]) -> MqttAddress | None:
    """Returns the broker, None if there is none.

    Args:
        option: The option's value, None without one.
        environ: The environment variables.

    Raises:
        SettingsError: The URL is not valid; the message says where it came from.
    """
    origin, text = (_OPTION, option) if option is not None else (_VARIABLE, environ.get(_VARIABLE))
    if not text:
        if option is not None:
            raise SettingsError(f"{_OPTION} is empty", hint="Pass a URL, or omit the option.")
        return None
    try:
        return MqttAddress.parse(text)
    except SettingsError as fault:
        raise SettingsError(f"{origin}: {fault.problem}", hint=fault.hint) from fault
