"""No run of PlatformIO reveals a secret. They are seeded where projects have them, and searched for
in all that was printed with ``-v``, in the server's log and in every file.

The numbers here are the short form; ``make campaigns`` runs into each failure that
``tests.support.troubles`` has.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.pio.hooked import BOTH, C3, SKETCH, hooked
from tests.pio.test_hook_versions import git
from tests.support import troubles
from tests.support.pio import Project
from tests.support.proxy import between, cut_after
from tests.support.seeded import PATIENCE_S, QUOTED, WIFI, Site, give_remote, seeded_site
from tests.support.seeds import Leak, Seeds

pytestmark = pytest.mark.pio

THOROUGH = bool(os.environ.get("ACPUBLISH_TEST_SECRETS"))
TROUBLES = troubles.NAMES if THOROUGH else ("401", "422", "redirect", "receipt", "refused")
AT_ONCE = 3
#: With -v PlatformIO itself shows the options of platformio.ini, and each command of a compiler.
NOT_OURS = re.compile(r"^(Processing \w+ \(|(xtensa-lx106|riscv64-unknown)-elf-).*$", re.M)
IN_THE_INI = frozenset({"token in the ini", "wifi password"})
#: What the test wrote, and what compilers built from it.
KNOWN = {
    "token in the ini": ("platformio.ini",),
    "token in the toml": ("acpublish.toml",),
    "token in a query": (".git/config",),
    "password of git": (".git/config",),
    "wifi password": (
        "platformio.ini",
        ".pio/build/*/src/main.cpp.o",
        ".pio/build/*/firmware.elf",
        ".pio/build/*/firmware.bin",
    ),
}
#: The firmware that was published has the password that it needs; its manifest has not.
PUBLISHED = ("catalog/lamp/lamp-*.bin", "catalog/.acpublish/objects/*")


@dataclass(slots=True, kw_only=True)
class House:
    """A project that publishes to a server, both full of secrets."""

    site: Site
    project: Project
    seeds: Seeds

    def run(self, name: str, *words: str, env: Mapping[str, str] | None = None) -> int:
        """Runs PlatformIO with ``-v``, and searches what it printed."""
        ours = {key: text for key, text in self.site.env.items() if key.isupper() and "_" in key}
        given = {**ours, "ACPUBLISH_TO": self.site.server.url, **(env or {})}
        done = self.project.run("-v", *words, env=given)
        assert "Traceback" not in done.stdout, done.stdout
        assert self.printed(name, done.stdout) == []
        return done.returncode

    def printed(self, name: str, text: str) -> list[Leak]:
        """Searches what was printed; PlatformIO's lines may contain what is in platformio.ini."""
        ours, all_ = (self.seeds.in_text(one, name) for one in (NOT_OURS.sub("", text), text))
        return [*ours, *(leak for leak in all_ if leak.seed not in IN_THE_INI)]

    def leaks(self) -> list[Leak]:
        """Searches all files of project, server and home."""
        return [*self.seeds.in_files(self.project.root), *self.site.leaks()]


@pytest.fixture
def house(make_project: MakeProject, tmp_path: Path) -> Iterator[House]:
    rooms = {
        f"room{number}": {"board": C3["c3"], "custom_ota_board": f"room{number}"}
        for number in range(len(TROUBLES))
    }
    with seeded_site(tmp_path / "site") as site:
        values = site.seeds.values
        project = hooked(
            *(make_project, "nowhere", {**BOTH, **rooms}),
            f"build_flags = -D WIFI_PASSWORD='\"{WIFI}\"'",
            f"custom_ota_token = {values['token in the ini']}",
            sources={"acpublish.toml": f'token = "{values["token in the toml"]}"\n'},
        )
        project.write("src/main.cpp", SKETCH.replace('F("first")', "F(WIFI_PASSWORD)"))
        project.write(".gitignore", ".pio\n")
        for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
            git(project, *words)
        give_remote(project.root, values)
        known = {**site.seeds.known}
        known["wifi password"] = (*known["wifi password"], *PUBLISHED)
        site.seeds.known = known
        yield House(site=site, project=project, seeds=Seeds(values=values, known=KNOWN))


def test_what_runs_print_and_leave_behind(house: House) -> None:
    values, chip = house.site.seeds.values, ("-e", "c3")
    of_a_file = {"ACPUBLISH_TOKEN": "", "ACPUBLISH_TOKEN_FILE": str(house.site.work / "token.txt")}
    host = f"127.0.0.1:{house.site.server.port}"
    word, pem = values["wrong token"], (house.site.work / "release.pem").read_text()

    assert house.run("publish", "-e", "d1", *chip, "-t", "upload_ota") == 0
    assert house.run("check", *chip, "-t", "ota_check", env=of_a_file) == 0
    assert house.run("status", *chip, "-t", "ota_status") == 0
    assert house.run("on build", *chip, env={"ACPUBLISH_ON_BUILD": "yes"}) == 0

    for env in (
        {"ACPUBLISH_TO": f"http://seeded:{QUOTED}@{host}"},
        {"ACPUBLISH_TO": f"seeded:{values['password without scheme']}@{host}"},
        {"ACPUBLISH_TO": f"http://{host}/?token={values['token in a query']}"},
        {"ACPUBLISH_TOKEN": "", "ACPUBLISH_TOKEN_FILE": word},
        {"ACPUBLISH_TOKEN": f"{word} {word}"},
        {"ACPUBLISH_SIGNING_KEY": pem},
    ):
        assert house.run(f"{[*env]}", *chip, "-t", "upload_ota", env=env) == 1
    assert house.run("no such option", *chip, "-t", "upload_ota", "-a", "--token", "-a", word) == 1

    assert house.leaks() == []
    assert house.seeds.unmet() == set()
    written = (house.site.root / "summary.md").read_text()
    assert "lamp" in written
    kept = "".join(path.read_text() for path in (house.site.root / "state").rglob("*.json"))
    assert "WIFI_PASSWORD=***" in kept
    assert "https://git.example.com/lamp.git" in kept


@pytest.mark.timeout(900 if THOROUGH else 180)
def test_what_runs_that_fail_print_and_leave_behind(house: House) -> None:
    site = house.site
    said = {"password": QUOTED, "query": site.seeds.values["token in a query"]}
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        ended = []
        for number, name in enumerate(TROUBLES):
            folder = site.root / f"trouble {number}"
            met = stack.enter_context(
                troubles.trouble(name, site.server, folder, said, every=bool(number % 2))
            )
            words = (name, "-e", f"room{number}", "-t", "upload_ota")
            env = {**met.env, "ACPUBLISH_TO": met.to}
            ended.append(pool.submit(house.run, *words, env=env))
        assert [one.result() for one in ended] == [1] * len(TROUBLES)
    assert house.leaks() == []


def test_what_a_run_that_is_killed_leaves_behind(house: House) -> None:
    sending, killed = threading.Event(), threading.Event()

    def hold() -> None:
        sending.set()
        killed.wait(PATIENCE_S)

    env = {"ACPUBLISH_TOKEN": house.site.seeds.values["token"]}
    with between(house.site.server, cut_after(2000, hold)) as proxy:
        env["ACPUBLISH_TO"] = proxy.url
        process: subprocess.Popen[str] = house.project.start(
            "-v", "-e", "c3", "-t", "upload_ota", env=env
        )
        assert sending.wait(PATIENCE_S)
        os.killpg(process.pid, signal.SIGKILL)
        killed.set()
        text, _ = process.communicate(timeout=PATIENCE_S)
    assert house.printed("killed", text) == []
    assert house.leaks() == []
