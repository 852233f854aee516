"""The options of a policy."""

from __future__ import annotations

from typing import Any

import click
import pytest

from acpublish.cli.policy_options import policy_from, policy_options
from acpublish.errors import SettingsError
from acpublish.fleet.policy import Policy


def policy(*words: str, required: bool = False) -> Policy | None:
    """Returns the policy of a command that was called with some words."""
    read: list[Policy | None] = []

    @click.command()
    @policy_options(required=required)
    @click.option("--other")
    def command(**options: Any) -> None:
        read.append(policy_from(options))
        assert options == {"other": None}

    command.main(list(words), standalone_mode=False)
    return read[0]


def test_without_options_there_is_no_policy() -> None:
    assert policy() is None
    with pytest.raises(click.MissingParameter) as missing:
        policy("--soak", "1h", required=True)
    assert missing.value.param is not None
    assert missing.value.param.name == "stages"


def test_each_option_counts_and_the_others_have_defaults() -> None:
    assert policy("--soak", "1h") == Policy.parse("1,10%,50%,100%", soak="1h", halt="3,5%")
    assert policy("--stages", "100%", required=True) == Policy.parse("100%")
    words = "--stages 2,100% --soak 1h,2h --halt 5 --on-halt order-back --at-once"
    assert policy(*words.split(), "--window", "02:00-05:00") == Policy.parse(
        "2,100%",
        soak="1h,2h",
        halt="5",
        on_halt="order-back",
        at_once=True,
        window="02:00-05:00",
    )


def test_a_policy_that_cannot_work_is_refused() -> None:
    with pytest.raises(SettingsError, match="no effect"):
        policy("--at-once")
