"""The tables agree with PlatformIO's own."""

from __future__ import annotations

import pytest

from acpublish.platformio_ini import platformio_options


def test_lists_are_those_of_platformio() -> None:
    options = pytest.importorskip("platformio.project.options").ProjectOptions
    theirs = {
        option.name: "\n".join(option.default)
        if isinstance(option.default, list)
        else option.default
        for option in options.values()
        if option.multiple and option.scope == "env"
    }
    assert {name: default or "" for name, default in theirs.items()} == platformio_options.LISTS
    folders = {
        option.name
        for option in options.values()
        if option.scope == "platformio" and option.name.endswith("_dir")
    }
    extended = [
        option.name
        for option in options.values()
        if option.multiple and option.scope == "env" and option.sysenvvar
    ]
    assert list(platformio_options.EXTENDED_BY_VARIABLE) == extended
    assert set(platformio_options.FOLDERS) == folders - {"build_cache_dir"}
