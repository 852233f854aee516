from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.release.checks import allowed_skips, parse_skips


@pytest.mark.parametrize(
    "text",
    [
        "dirty=on the bench\nchip=a = b",
        "\n  dirty = on the bench \n\n chip=a = b",
        "dirty=on the bench; chip=a = b;",
    ],
)
def test_names_and_reasons(text: str) -> None:
    assert parse_skips(text) == {"dirty": "on the bench", "chip": "a = b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dirt=x", "no check 'dirt'"),
        ("dirty", "without a reason"),
        ("dirty= ", "without a reason"),
        ("damaged=x", "damaged cannot be switched off"),
        ("dirty=" + "x" * 201, "at most 200"),
        ("dirty=a\x1b[2J", "no line"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_skips(text)


def test_a_newer_client_may_have_more_checks() -> None:
    assert allowed_skips({"smell": "it is fine"}) == {"smell": "it is fine"}
    for name in ("", "Smell", "a" * 41, "a\nb"):
        with pytest.raises(SettingsError, match="no name of a check"):
            allowed_skips({name: "x"})
    with pytest.raises(SettingsError, match="more than 50"):
        allowed_skips({f"a{number}": "x" for number in range(51)})
