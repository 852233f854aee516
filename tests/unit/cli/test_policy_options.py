"""The options of a policy."""

from __future__ import annotations

from typing import Any

import click
import pytest

from acpublish.cli.policy_options import policy_of, policy_options
from acpublish.errors import SettingsError
from acpublish.fleet.policy import Policy

NONE: dict[str, Any] = dict.fromkeys(("stages", "soak", "halt", "on_halt", "at_once", "window"))


def test_without_options_the_defaults_count() -> None:
    assert policy_of(**NONE) == Policy.parse("1,10%,50%,100%", soak="24h", halt="3,5%")


def test_each_option_counts() -> None:
    given: dict[str, Any] = {
        "soak": "1h,2h",
        "halt": "5",
        "on_halt": "order-back",
        "at_once": True,
        "window": "02:00-05:00",
    }
    assert policy_of(stages="2,100%", **given) == Policy.parse("2,100%", **given)
    with pytest.raises(SettingsError, match="no effect"):
        policy_of(**{**NONE, "at_once": True})


def test_the_options_are_those_of_a_policy() -> None:
    @click.command()
    @policy_options
    def command(**options: Any) -> None:
        assert policy_of(**options).to_dict() == Policy.parse("100%").to_dict()

    command.main(["--stages", "100%"], standalone_mode=False)
    assert [parameter.name for parameter in command.params] == list(NONE)
