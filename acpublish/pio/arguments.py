"""The arguments of a run, as in ``pio run -t upload_ota -a --channel -a beta``.

They are those options of ``acpublish publish`` that say what is published where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from acpublish.errors import SettingsError
from acpublish.settings import Layer, flags
from acpublish.settings.names import LISTS

__all__ = ["program_arguments"]

#: Options with a value, by the names of the settings.
_VALUES = {
    "--to": "to",
    "--product": "product",
    "--version": "version",
    "--board": "board",
    "--channel": "channel",
    "--core": "core",
    "--partitions": "partitions",
    "--signing-key": "signing_key",
    "--key": "signing_key",
    "--secret-scan": "secret_scan",
    "--skip-check": "skip_checks",
    "--accept-secret": "accept_secrets",
}
_SWITCHES = {"--compress": "compress", "--insecure-http": "insecure_http"}
_OPTION = re.compile(r"--?[a-z]{1,12}(?:-[a-z]{1,12}){0,2}")


def program_arguments(given: Sequence[str]) -> Layer | None:
    """Returns the layer of the arguments of a run; None where there are none.

    Args:
        given: Each ``-a`` of ``pio run``, in order; a value follows its option or an ``=`` in it.

    Raises:
        SettingsError: An argument is no option, or has no value.
    """
    values: dict[str, str | None] = {}
    for name, value in _pairs(given):
        held = values.get(name)
        join = LISTS.get(name)
        values[name] = f"{held}{join}{value}" if held and join else value
    return flags(values) if values else None


def _pairs(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    left = iter(given)
    for one in left:
        option, equals, value = one.partition("=")
        if option in _SWITCHES and not equals:
            yield _SWITCHES[option], "yes"
        elif option in _VALUES:
            if not equals:
                value = next(left, "")
            if not value or (not equals and value.startswith("--")):
                raise SettingsError(
                    f"the argument {option} has no value",
                    hint=f"Write -a {option} -a VALUE behind pio run -t upload_ota.",
                )
            yield _VALUES[option], value
        else:
            known = ", ".join([*_VALUES, *_SWITCHES])
            # It may be a secret that slipped into another place, so that it is not repeated.
            shown = option if _OPTION.fullmatch(option) else "a word"
            raise SettingsError(
                f"the arguments of the run have {shown}, which is no option there",
                hint=f"There are {known}; a token goes into ACPUBLISH_TOKEN.",
            )
