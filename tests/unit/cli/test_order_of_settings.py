"""Each source of a setting takes precedence over the next one, on the command line itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.cli.invoking import CommandLine

#: The sources, the one that takes precedence first; each has its own name for a channel.
SOURCES = ("flag", "variable", "platformio-ini", "acpublish-toml", "pyproject", "user-file")
DEFAULT = "stable"

Publish = Callable[..., str]


@pytest.fixture
def publish(
    acpublish: CommandLine,
    tmp_path: Path,
    catalog: Path,
    firmware: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Publish:
    """Publishes with the channel set in some sources; returns the channel that was used."""

    def channel(*sources: str) -> str:
        flags: list[str] = []
        for source in sources:
            if source == "flag":
                flags = ["--channel", "flag"]
            elif source == "variable":
                monkeypatch.setenv("ACPUBLISH_CHANNEL", "variable")
            else:
                path, text = {
                    "platformio-ini": ("platformio.ini", "[env:x]\ncustom_ota_channel = {}\n"),
                    "acpublish-toml": ("acpublish.toml", 'channel = "{}"\n'),
                    "pyproject": ("pyproject.toml", '[tool.acpublish]\nchannel = "{}"\n'),
                    "user-file": ("config/acpublish/config.toml", 'channel = "{}"\n'),
                }[source]
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text.format(source))
        what = ("--product", "lamp", "--version", "1.0.0", "--board", "d1", *flags)
        said = acpublish("publish", firmware, "--to", catalog, *what, "--dry-run", "--json")
        assert said.status == 0, said.err
        document = said.json()
        assert isinstance(document["channel"], str)
        return str(document["channel"])

    return channel


@pytest.mark.parametrize(("first", "second"), list(pairwise(SOURCES)))
def test_each_source_takes_precedence_over_the_next(
    publish: Publish, first: str, second: str
) -> None:
    assert publish(second) == second
    assert publish(first, second) == first


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_takes_precedence_over_all_that_follow(publish: Publish, source: str) -> None:
    assert publish(*SOURCES[SOURCES.index(source) :]) == source


def test_the_default_comes_last(publish: Publish) -> None:
    assert publish() == DEFAULT
    assert publish(SOURCES[-1]) != DEFAULT
