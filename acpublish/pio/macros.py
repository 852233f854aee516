"""The values of -D flags whose names look secret, such as a Wi-Fi password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from acpublish.release.secret_rules import looks_secret

__all__ = ["secret_macros"]


def secret_macros(*environments: Any) -> dict[str, str]:
    """Returns macros with their values, by the names to show.

    Args:
        environments: SCons' environments of the build; None for one that is not there.
    """
    return {
        f"-D {name}": value
        for env in environments
        if env is not None
        for name, value in _defined(env.get("CPPDEFINES") or ())
        if value and looks_secret(name)
    }


def _defined(defines: Any) -> Iterator[tuple[str, str]]:
    """Takes apart what SCons allows: texts, pairs, mappings, and lists of these."""
    for one in defines.items() if isinstance(defines, dict) else defines:
        if isinstance(one, dict):
            yield from _defined(one)
        elif isinstance(one, str):
            name, _, value = one.partition("=")
            yield name, _bare(value)
        elif len(one) == 2 and one[1] is not None:
            yield str(one[0]), _bare(str(one[1]))


def _bare(text: str) -> str:
    r"""Returns the text that the compiler sees of ``\"text\"``, be it quoted for the shell."""
    text = text.strip().strip("'")
    text = text.replace('\\"', '"')
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text.replace("\\\\", "\\")
