"""``acpublish simulate``: a rehearsal as a table, as a curve and as JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.simulation.built_in_profiles import BUILT_IN
from tests.unit.cli.invoking import CommandLine

SHORT = ("--devices", "60", "--soak", "6h")


def test_a_rehearsal_is_a_table_and_a_curve(acpublish: CommandLine) -> None:
    said = acpublish("simulate", "--profile", "healthy", *SHORT)
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == "healthy: every device boots the new release"
    assert lines[2].split() == [
        *("stage", "target", "began", "devices", "offered"),
        *("delivered", "running", "failed", "unrecognised", "pending"),
    ]
    assert [line.split()[1] for line in lines[3:7]] == ["1", "10%", "50%", "100%"]
    assert lines[6].split()[3] == "60"
    assert lines[8].startswith("complete after ")
    assert lines[8].endswith("h: all stages have ended")
    assert "60 run 2.0.0" in lines[9]
    curve = [line for line in lines if "|" in line]
    assert len(curve) == 8
    assert curve[0].startswith("100% |")
    assert len(curve[-1]) > len(curve[0]) // 2
    assert lines[-1].strip().startswith("start")
    assert said.err.startswith("2.0 days with 60 devices and ")


def test_the_same_seed_prints_the_same_in_each_process() -> None:
    def output(seed: int, hashing: str) -> bytes:
        words = ["simulate", "--devices", "150", "--seed", str(seed), "--profile", "flaky"]
        return subprocess.run(
            [sys.executable, "-m", "acpublish", *words, "--halt", "9,50%"],
            env={**os.environ, "PYTHONHASHSEED": hashing},
            capture_output=True,
            check=True,
        ).stdout

    first = output(1, "1")
    assert first == output(1, "2")
    assert first != output(2, "1")


def test_json_has_all_of_it(acpublish: CommandLine) -> None:
    said = acpublish("simulate", *SHORT, "--json", "--stages", "5,100%", "--halt", "60")
    document = said.json()
    assert (document["profile"], document["devices"], document["seed"]) == ("mixed", 60, 1)
    assert [stage["target"] for stage in document["rollout"]["stages"]] == ["5", "100%"]
    assert set(document["rollout"]["stages"][0]) == {
        *("target", "devices", "offered", "delivered"),
        *("running", "failed", "unrecognised", "pending"),
    }
    assert sum(document["runs"].values()) == 60
    assert document["adoption"][0] == {"after_s": 0, "running": 0}


def test_a_halt_is_shown_with_its_reason(acpublish: CommandLine) -> None:
    said = acpublish("simulate", "--profile", "never-boots", "--stages", "10,100%", *SHORT)
    assert said.status == 0
    line = next(line for line in said.out.splitlines() if line.startswith("halted after "))
    assert "3 devices failed in stage 1: simulated/a4:cf:" in line


def test_a_profile_may_be_a_file(acpublish: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('description = "mine"\n[rollout]\nstages = "2,100%"\nsoak = "1h"\n')
    said = acpublish("simulate", "--profile", file, "--devices", "10")
    assert said.out.splitlines()[0] == f"{file}: mine"
    assert "complete" in said.out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--profile", "helthy"), "'helthy' is not the name of a profile"),
        (("--profile", "no/such.toml"), "no/such.toml"),
        (("--devices", "0"), "0 is not in the range"),
        (("--seed", "x"), "'x' is not a valid"),
        (("--stages", "0,100%"), "the stage '0' reaches nobody"),
        (("--stages", "tag:lab"), "the stage tag:lab reaches nobody"),
        (("--soak", "soon"), "'soon' is not a duration"),
        (("--window", "05:00-05:00"), "never opens"),
        (("--halt", "0"), "cannot halt at 0 failures"),
        (("--on-halt", "explode"), "'explode' is not something to do"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    acpublish: CommandLine, words: tuple[str, ...], problem: str
) -> None:
    said = acpublish("simulate", *words)
    assert said.status == 2
    assert problem in said.error()


def test_a_file_that_is_no_profile_is_refused(acpublish: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff\xfe")
    assert "is not a text in UTF-8" in acpublish("simulate", "--profile", file).error()
    file.write_text("kinds = 3")
    assert "'kinds' is not a key" in acpublish("simulate", "--profile", file).error()
    file.write_bytes(b"#" * 70_000)
    assert "larger than 64 KiB" in acpublish("simulate", "--profile", file).error()
    assert all(name in acpublish("simulate", "--profile", "nope").err for name in BUILT_IN)
