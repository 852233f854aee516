"""Arguments of a run: the options of ``acpublish publish``, read strictly."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.arguments import program_arguments


def test_values_switches_and_what_may_be_repeated() -> None:
    layer = program_arguments(
        [
            *("--channel", "beta", "--version=1.2.3", "--compress", "--key", "k.pem"),
            *("--skip-check", "chip=a trial", "--skip-check=dirty=on the bench"),
        ]
    )
    assert layer is not None
    assert layer.values == {
        "channel": "beta",
        "version": "1.2.3",
        "compress": "yes",
        "signing_key": "k.pem",
        "skip_checks": "chip=a trial\ndirty=on the bench",
    }
    assert layer.origin("channel") == "--channel"


def test_none() -> None:
    assert program_arguments([]) is None


@pytest.mark.parametrize("given", [["--token", "s3cret-value"], ["s3cret-value"], ["--s3cret"]])
def test_what_is_no_option_is_not_repeated(given: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        program_arguments(given)
    assert "s3cret" not in str(caught.value)
    assert "ACPUBLISH_TOKEN" in caught.value.hint


@pytest.mark.parametrize("option", ["--dry-run", "-q", "--json"])
def test_an_option_of_publish_that_a_run_has_not_is_named(option: str) -> None:
    with pytest.raises(SettingsError, match=f"have {option}, which is no option there"):
        program_arguments([option])
