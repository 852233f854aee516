"""``acpublish rollout`` on a real catalog and store."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import acpublish as api
from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine
from tests.unit.control.asking import mac

PATIENCE_S = 60
STAGE_KEYS = {
    *("target", "devices", "offered", "delivered", "running", "failed"),
    *("unrecognised", "pending"),
}
DEVICES = 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FleetSite:
    """Ten devices run what stable points at, and 1.1.0 is on beta alone."""
    made = FleetSite(tmp_path_factory.mktemp("made"))
    made.publish("1.0.0")
    made.publish("1.1.0", channel="beta")
    with made.serving() as ask:
        for number in range(1, DEVICES + 1):
            ask(number)
    return made


@pytest.fixture
def site(made: FleetSite, acpublish: CommandLine, tmp_path: Path) -> FleetSite:
    return made.copy(tmp_path / "site", acpublish)


def start(site: FleetSite, *more: str, version: str = "1.1.0") -> str:
    """Starts a rollout, and returns its id."""
    said = site("rollout", "start", "lamp", version, "--channel", "stable", *more, "--json")
    assert said.status == 0, said.err
    return str(said.json()["id"])


def test_a_plan_says_whom_each_stage_reaches(site: FleetSite) -> None:
    words = ("rollout", "plan", "lamp", "1.1.0", "--channel", "stable")
    said = site(*words, "--stages", "1,3,100%", "--soak", "1h,2h,0s")
    assert (said.status, said.err) == (0, "")
    assert [line.split() for line in said.out.splitlines()] == [
        ["stage", "target", "devices", "new", "soak"],
        ["1", "1", "1", "1", "1h"],
        ["2", "3", "3", "2", "2h"],
        ["3", "100%", "10", "7", "0s"],
    ]
    document = site(*words, "--json").json()
    assert [stage["target"] for stage in document["stages"]] == ["1", "10%", "50%", "100%"]
    assert document["stages"][-1]["devices"] == DEVICES
    assert document["policy"]["halt"] == "3,5%"
    assert site("rollout", "status").out == "no rollouts\n"
    assert site("rollout", "status", "lmap").out == "no rollouts of lmap\n"


def test_a_misspelt_channel_is_noticed(site: FleetSite) -> None:
    said = site("rollout", "plan", "lamp", "1.1.0", "--channel", "stabel", "--stages", "1,100%")
    assert said.status == 0
    assert said.err == (
        "acpublish: warning: no device that has checked in is on this channel yet; check its name\n"
    )


def test_a_rollout_starts_with_its_plan(site: FleetSite) -> None:
    said = site("rollout", "start", "lamp", "1.1.0", "--channel", "stable", "--stages", "2,100%")
    assert said.status == 0, said.err
    *plan, last = said.out.splitlines()
    assert [line.split()[:4] for line in plan[1:]] == [
        ["1", "2", "2", "2"],
        ["2", "100%", "10", "8"],
    ]
    assert last.endswith("  lamp 1.1.0 to stable: started")
    assert said.err.startswith("acpublish: it goes on as soon as a server serves this directory")
    # The channel points at the settled release until the end.
    assert site("explain", "lamp", "--board", "d1", "--json").json()["version"] == "1.0.0"
    # One that cannot start has no plan.
    said = site("rollout", "start", "lamp", "1.0.0", "--channel", "stable", "--stages", "2,100%")
    assert (said.status, said.out) == (4, "")


def test_the_plan_is_about_the_boards_that_are_named(site: FleetSite) -> None:
    site.publish("1.1.0", board="d2", channel="beta")
    with site.serving() as ask:
        for number in (91, 92):
            ask(number, None, board="d2")
    words = ("lamp", "1.1.0", "--channel", "stable", "--stages", "1,100%", "--json")
    for command, of_board, of_all in (("plan", 2, DEVICES + 2), ("start", 2, DEVICES + 2)):
        for boards, reached in ((("--board", "d2"), of_board), ((), of_all)):
            document = site("rollout", command, *words, *boards).json()
            stages = (
                document["plan"]
                if command == "start"
                else [stage["devices"] for stage in document["stages"]]
            )
            assert stages[-1] == reached, (command, boards)


def test_without_options_the_policy_of_the_channel_counts(site: FleetSite) -> None:
    api.set_policy("lamp", "stable", to=site.catalog, stages="3,100%", soak="1h", by="anna")
    said = site("rollout", "start", "lamp", "1.1.0", "--channel", "stable", "--by", "anna")
    assert [line.split() for line in said.out.splitlines()[1:3]] == [
        ["1", "3", "3", "3", "1h"],
        ["2", "100%", "10", "7", "1h"],
    ]
    document = site("rollout", "status", "--json").json()
    (detail,) = document["rollouts"]
    assert [stage["target"] for stage in detail["stages"]] == ["3", "100%"]
    last = api.history("lamp", to=site.catalog)[-1]
    assert (last.action, last.author.by) == ("start", "anna")


def test_the_status_has_what_scripts_rely_on(site: FleetSite) -> None:
    key = start(site, "--stages", "2,100%")
    (rollout,) = site("rollout", "status", "--json").json()["rollouts"]
    assert {name: rollout[name] for name in ("id", "product", "version", "channel")} == {
        "id": key,
        "product": "lamp",
        "version": "1.1.0",
        "channel": "stable",
    }
    assert (rollout["state"], rollout["reason"], rollout["stage"]) == ("running", "", 0)
    assert [stage["target"] for stage in rollout["stages"]] == ["2", "100%"]
    assert all(set(stage) >= STAGE_KEYS for stage in rollout["stages"])
    assert rollout["stages"][0]["devices"] == 2
    assert site("rollout", "status", "door", "--json").json() == {"rollouts": []}


def test_the_status_is_drawn(site: FleetSite) -> None:
    key = start(site, "--stages", "2,100%")
    said = site("rollout", "status", "lamp")
    title, health, heading, first, second = said.out.splitlines()
    assert health == "  0 of 0 devices run it, 0 failed"
    assert title == f"{key}  lamp 1.1.0 to stable: running, stage 1 of 2"
    assert heading.split()[:3] == ["stage", "target", "devices"]
    assert first.split()[:5] == [">", "1", "2", "2", "0"]
    assert second.split()[:2] == ["2", "100%"]


def test_orders(site: FleetSite) -> None:
    key = start(site, "--stages", "2,100%")
    said = site("rollout", "pause", "lamp", "--reason", "the router hums")
    title = f"{key}  lamp 1.1.0 to stable"
    assert said.out == f"{title}: paused, stage 1 of 2 (2): the router hums\n"
    assert site("rollout", "resume", key).out == f"{title}: running, stage 1 of 2 (2)\n"
    assert site("rollout", "advance", key).out == f"{title}: running, stage 2 of 2 (100%)\n"
    document = site("rollout", "abort", "lamp", "--reason", "it hums", "--json").json()
    assert (document["state"], document["reason"]) == ("aborted", "it hums")
    assert document["policy"]["stages"] == ["2", "100%"]
    # It has ended, and is still shown.
    said = site("rollout", "status")
    assert said.out.splitlines()[:2] == [f"{title}: aborted, stage 2 of 2", "  it hums"]
    assert site("rollout", "abort", key).status == 4


def test_after_its_last_stage_the_channel_points_at_the_release(site: FleetSite) -> None:
    key = start(site, "--stages", "100%")
    document = site("rollout", "advance", key, "--json").json()
    assert document["state"] == "complete"
    assert site("explain", "lamp", "--board", "d1", "--json").json()["version"] == "1.1.0"


def test_another_release_supersedes_it(site: FleetSite) -> None:
    first = start(site)
    site.publish("1.2.0", channel="beta")
    second = start(site, version="1.2.0")
    rollouts = site("rollout", "status", "--json").json()["rollouts"]
    assert [(rollout["id"], rollout["state"]) for rollout in rollouts] == [
        (first, "superseded"),
        (second, "running"),
    ]
    lines = site("rollout", "status").out.splitlines()
    assert lines[0] == f"{first}  lamp 1.1.0 to stable: superseded"
    assert lines[1] == f"{second}  lamp 1.2.0 to stable: running, stage 1 of 4"


def test_a_stage_for_a_tag_reaches_who_has_it(site: FleetSite) -> None:
    words = ("rollout", "start", "lamp", "1.1.0", "--channel", "stable", "--stages")
    said = site(*words, "tag:canary,100%")
    assert said.status == 2
    assert "the stage tag:canary reaches nobody" in said.error()
    assert site("rollout", "status", "--json").json() == {"rollouts": []}
    site("devices", "tag", mac(1), "canary")
    said = site(*words, "tag:canary,100%", "--json")
    assert said.json()["plan"] == [1, DEVICES]


def test_a_policy_for_a_tag_that_nobody_has_warns_and_its_rollout_says_for_whom_it_waits(
    site: FleetSite,
) -> None:
    site("devices", "tag", mac(1), "canary")
    said = site("policy", "set", "lamp", "stable", "--stages", "tag:canry,100%")
    assert said.status == 0
    assert said.err == (
        "acpublish: warning: the stage tag:canry reaches nobody yet: no device has the tag canry; "
        "did you mean tag:canary?\n"
    )
    site.publish("1.2.0")
    shown = site("rollout", "status").out
    assert "  no device has the tag canry: give one the tag" in shown
    site("devices", "tag", mac(2), "canry")
    assert "no device has" not in site("rollout", "status").out
    assert site("policy", "set", "lamp", "stable", "--stages", "tag:canary,100%").err == ""


def test_nothing_is_offered_before_the_start_time(site: FleetSite) -> None:
    start(site, "--start-at", "2999-01-01T02:00:00Z", "--stages", "100%")
    explained = site("explain", mac(1), "--json").json()
    assert explained["rule"] == "window"
    assert (explained["verdict"], explained["version"]) == ("up-to-date", "1.0.0")
    refused = site("rollout", "advance", "lamp")
    assert refused.status == 4
    assert "2999-01-01" in refused.err
    assert "'acpublish rollout abort lamp-" in refused.err
    assert site("rollout", "status", "--json").json()["rollouts"][0]["stage"] == 0
    # Once the hint is followed, it begins at once.
    assert site("rollout", "abort", "lamp").status == 0
    start(site, "--stages", "100%")
    assert site("explain", mac(1), "--json").json()["verdict"] == "offer"


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("start lamp 1.1.0", 2, "Missing option '--channel'", "--help"),
        ("start lamp 9.9.9 --channel stable", 8, "9.9.9", "1.1.0"),
        ("start door 1.0.0 --channel stable", 8, "door", ""),
        ("start lamp 1.1.0 --channel stable --stages 0,100%", 2, "reaches nobody", "--stages"),
        ("start lamp 1.1.0 --channel stable --stages 10%,5%", 2, "more than '10%'", "--stages"),
        ("start lamp 1.1.0 --channel stable --soak soon", 2, "'soon' is not a dur", "24h"),
        ("start lamp 1.1.0 --channel stable --halt 0", 2, "halt at 0", "--halt"),
        ("start lamp 1.1.0 --channel stable --on-halt cry", 2, "'cry'", "order-back"),
        ("start lamp 1.1.0 --channel stable --at-once", 2, "no effect", "order-back"),
        ("start lamp 1.1.0 --channel stable --window 1-2", 2, "'1-2' is not a window", "02:00"),
        ("start lamp 1.1.0 --channel stable --window 02:00-02:00", 2, "never opens", "02:00"),
        ("start lamp 1.1.0 --channel stable --start-at noon", 2, "'noon' is not a time", "2026"),
        ("start lamp 1.1.0 --channel stable --board d9", 8, "d9", ""),
        ("start lamp one --channel stable", 7, "one", ""),
        ("plan lamp 9.9.9 --channel stable", 8, "9.9.9", "1.1.0"),
        ("status --watch --json", 2, "cannot be combined", "--help"),
        ("pause lamp", 8, "lamp", "rollout"),
        ("resume nothing", 8, "no rollout 'nothing'", "rollout status"),
        ("advance lamp-99", 8, "no rollout 'lamp-99'", "rollout status"),
    ],
)
def test_a_mistake_is_one_line(
    site: FleetSite, words: str, status: int, problem: str, hint: str
) -> None:
    said = site("rollout", *words.split())
    assert said.status == status, said.err
    line = said.err.splitlines()[-1]
    assert line.startswith("acpublish: error: ")
    assert problem in line
    assert hint in line
    assert site("rollout", "status").out == "no rollouts\n"
    assert site("rollout", "status", "lmap").out == "no rollouts of lmap\n"


def test_a_rollout_that_goes_on_cannot_be_resumed(site: FleetSite) -> None:
    start(site)
    said = site("rollout", "resume", "lamp")
    assert said.status == 4
    assert "is running and cannot be resumed" in said.error()


def test_a_watch_on_a_terminal_ends_with_ctrl_c(site: FleetSite) -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    start(site, "--stages", "2,100%")
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "acpublish", "rollout", "status", "--watch")
    with subprocess.Popen(
        [*command, "--to", str(site.catalog), "--state", str(site.state)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        shown = b""
        while shown.count(b"stage 1 of 2") < 2:
            assert select.select([ours], [], [], PATIENCE_S)[0], shown
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 130
    assert err.strip() == b"acpublish: error: interrupted. The same command can be run again."
    # The state has its colour, and the bar shows that nobody runs the release yet.
    assert b"\x1b[32mrunning" in shown
    assert "░".encode() in shown
