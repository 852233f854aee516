from __future__ import annotations

from typing import Any

import pytest

from acpublish.pio.provenance import secret_macros


@pytest.mark.parametrize(
    "defines",
    [
        [("WIFI_PASS", '\\"hunter 22\\"'), "DEBUG", ("ARDUINO", 10805)],
        ["WIFI_PASS='\"hunter 22\"'"],
        [{"WIFI_PASS": '"hunter 22"'}],
        {"WIFI_PASS": "hunter 22", "KEYBOARD": "qwertz"},
        [["WIFI_PASS", "hunter 22"], ("TOKEN", None), ("PSK", "")],
    ],
)
def test_what_scons_allows(defines: Any) -> None:
    assert secret_macros({"CPPDEFINES": defines}) == {"-D WIFI_PASS": "hunter 22"}


def test_environments_that_are_not_there() -> None:
    assert secret_macros({}, None) == {}
    assert secret_macros({}, {"CPPDEFINES": ["API_KEY=abc"]}) == {"-D API_KEY": "abc"}
