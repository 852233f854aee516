"""The request of a run: its arguments, read strictly, and what its targets mean for the hook."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.run_request import RunRequest, program_arguments, run_arguments


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
    with pytest.raises(SettingsError, match=f"contain {option}, which is not a valid option"):
        program_arguments([option])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["beta"], "contain a word, which is not a valid option"),
        (["--channel"], "--channel has no value"),
        (["--channel", "--compress"], "--channel has no value"),
    ],
)
def test_a_word_or_an_option_without_its_value_is_named(given: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        program_arguments(given)


def request(*targets: str) -> RunRequest:
    return RunRequest(frozenset(targets))


@pytest.mark.parametrize(
    ("targets", "publishes_builds"),
    [
        ((), True),
        (("upload",), True),
        (("buildprog", "size"), True),
        (("nobuild", "upload"), False),
        (("upload_ota",), False),
        (("ota_status",), False),
        (("buildfs",), False),
        (("__test",), False),
        (("__debug",), False),
    ],
)
def test_builds_that_are_published(targets: tuple[str, ...], publishes_builds: bool) -> None:
    run = request(*targets)
    assert (run.may_publish_on_build and run.builds_image) is publishes_builds


@pytest.mark.parametrize("targets", [("size",), ("compiledb", "size"), ("uploadfs",), ("__test",)])
def test_runs_that_are_left_alone(targets: tuple[str, ...]) -> None:
    assert request(*targets).needs_no_hook


@pytest.mark.parametrize("targets", [(), ("upload",), ("size", "upload"), ("ota_status", "size")])
def test_runs_that_are_not(targets: tuple[str, ...]) -> None:
    assert not request(*targets).needs_no_hook


def test_targets_of_our_own() -> None:
    assert request("upload_ota").publishes
    assert request("uploadfs_ota").builds_filesystem
    assert not request("uploadfs_ota", "buildfs").builds_filesystem
    assert not request("nobuild", "uploadfs_ota").builds_filesystem
    assert request("ota_check").needs_plan
    assert not request("ota_check").publishes
    assert not request("ota_status").needs_plan
    assert request("upload_ota", "buildfs").conflict == ("upload_ota", "buildfs")
    assert request("uploadfs_ota", "buildfs").conflict is None


class Env(dict[str, Any]):
    """SCons' environment of a run, as far as its arguments are concerned."""

    def subst(self, text: str) -> str:
        return {"$PROJECT_DIR": "/home/ann/lamp"}[text]


def test_arguments_reach_a_run_of_the_same_environment_in_it_and_no_other() -> None:
    words = ["--channel", "beta"]
    variables: dict[str, str] = {}
    assert run_arguments(Env(PIOENV="c3", PROGRAM_ARGS=words, ENV=variables)) == words

    assert run_arguments(Env(PIOENV="c3", ENV=variables)) == words
    assert run_arguments(Env(PIOENV="d1", ENV=variables)) == []
    own = Env(PIOENV="c3", PROGRAM_ARGS="--channel dev", ENV=dict(variables))
    assert run_arguments(own) == ["--channel", "dev"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", "null", "7", '["c3"]', "[[]]"])
def test_a_variable_that_no_run_has_set_has_no_arguments(text: str) -> None:
    env = Env(PIOENV="c3", ENV={"ACPUBLISH_RUN_ARGUMENTS": text})
    assert run_arguments(env) == []
