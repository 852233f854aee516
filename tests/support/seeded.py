"""A site full of secrets: server, project, tokens, keys; and a search of all that came of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import images, preloaded
from tests.support.seeds import Seeds
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

PATIENCE_S = 60
PASSWORD = "p@ss word/5eed+of?the#address"
WIFI = "correct-horse-battery-staple"
#: The same as it has to stand in an address.
QUOTED = "p%40ss%20word%2F5eed%2Bof%3Fthe%23address"
INI = """\
[env:d1]
platform = espressif8266
board = d1_mini
framework = arduino
build_flags = -D WIFI_PASSWORD='"{wifi}"'
custom_ota_token = {ini}
custom_wifi_password = {wifi}
"""
TOML = 'token = "{toml}"\n'
ROUNDABOUT = "https://seeded:{git}@git.example.com/lamp.git?private_token={query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command printed."""

    name: str
    status: int
    text: str


@dataclass(slots=True, kw_only=True)
class Site:
    """The site.

    Attributes:
        root: All that the test and acpublish write is below it.
        work: The project, in which commands are run.
        server: A server that works; its log holds what ``--log debug`` tells.
        seeds: The secrets.
        said: What the commands printed so far.
    """

    root: Path
    work: Path
    server: RunningServer
    seeds: Seeds
    said: list[Said] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of the commands: nothing of the caller's but PATH."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GITHUB_STEP_SUMMARY": str(self.root / "summary.md"),
            "GITHUB_OUTPUT": str(self.root / "output.txt"),
            "ACPUBLISH_TOKEN": self.seeds.values["token"],
        }

    def acpublish(
        self, name: str, *words: str, env: Mapping[str, str] | None = None, given: str = ""
    ) -> Said:
        """Runs a command; a variable that is empty is not set."""
        variables = {key: text for key, text in {**self.env, **(env or {})}.items() if text}
        command = [sys.executable, "-m", "acpublish", *words]
        status, text = preloaded.run(
            command, env=variables, cwd=self.work, given=given, wait_s=PATIENCE_S
        )
        said = Said(name=name, status=status, text=text)
        self.said.append(said)
        return said

    def publish(self, version: str, to: str, *more: str) -> tuple[str, ...]:
        """Returns the words that publish a version."""
        what = ("--product", "lamp", "--board", "d1_mini", "--version", version)
        return ("publish", "firmware.bin", "--to", to, *what, *more)

    def leaks(self) -> list[object]:
        """Searches all output, all logs and all files."""
        printed = [leak for one in self.said for leak in self.seeds.in_text(one.text, one.name)]
        return [*printed, *self.seeds.in_files(self.root)]


@contextlib.contextmanager
def seeded_site(root: Path) -> Iterator[Site]:
    """Makes the site, and runs its server."""
    work, state = root / "lamp", root / "state"
    for folder in (root / "catalog", root / "home", work / "old"):
        folder.mkdir(parents=True)
    values = {
        "token": create_token(state, "lamp"),
        "token of a file": create_token(state, "lamp"),
        "token of stdin": create_token(state, "lamp"),
        "token of another": create_token(state, "lantern"),
        "wrong token": "acp_" + "5eedOfAWrongToken" * 3,
        "token in the ini": "acp_" + "5eedOfTheIni" * 3,
        "token in the toml": "acp_" + "5eedOfTheToml" * 3,
        "token in a query": "5eed-of-the-query-5eed-of-the-query",
        "password": PASSWORD,
        "password without scheme": "5eed-without-a-scheme-5eed",
        "wifi password": WIFI,
        "password of git": "5eed-of-the-git-remote-5eed",
    }
    files = {
        "platformio.ini": INI.format(wifi=WIFI, ini=values["token in the ini"]).encode(),
        "acpublish.toml": TOML.format(toml=values["token in the toml"]).encode(),
        "token.txt": values["token of a file"].encode(),
        "firmware.bin": images.esp8266_image(seed=1),
        "other.bin": images.esp8266_image(seed=2),
        "disk.bin": images.littlefs()[:-64] + WIFI.encode().ljust(64, b"\0"),
        "old/lamp_v0.1.bin": images.esp8266_image(record=False, seed=3),
        "old/lamp_v0.2.bin": images.esp8266_image(record=False, seed=4),
    }
    for name, content in files.items():
        (work / name).write_bytes(content)
    _run("git", "init", "-q", cwd=work)
    give_remote(work, values)
    values |= _keys(work)
    known = {
        "token of a file": ("lamp/token.txt",),
        "token in the ini": ("lamp/platformio.ini",),
        "token in the toml": ("lamp/acpublish.toml",),
        "token in a query": ("lamp/.git/config",),
        "password of git": ("lamp/.git/config",),
        "wifi password": (
            *("lamp/platformio.ini", "lamp/disk.bin"),
            # It is a part of what is published there, which a warning says.
            *("catalog/lamp/lamp-1.0.6_d1_mini.fs.bin", "catalog/.acpublish/objects/*"),
        ),
        "release key": ("lamp/release.pem",),
        "rsa key": ("lamp/rsa.pem",),
    }
    # Only the server is told of the state by an option: others find their own below the home.
    with running_server(root / "catalog", root, "--log", "debug") as server:
        yield Site(root=root, work=work, server=server, seeds=Seeds(values=values, known=known))


def give_remote(repository: Path, values: Mapping[str, str]) -> None:
    """Gives a repository an origin whose address holds a password and a token."""
    address = ROUNDABOUT.format(git=values["password of git"], query=values["token in a query"])
    _run("git", "remote", "add", "origin", address, cwd=repository)


def _keys(work: Path) -> dict[str, str]:
    def key(*words: str) -> str:
        command = [sys.executable, "-m", "acpublish", "key", *words]
        status, text = preloaded.run(command, env=os.environ, cwd=work)
        assert status == 0, text
        return text

    for name, more in (("release", ()), ("rsa", ("--rsa",))):
        key("create", "-o", f"{name}.pem", *more)
        (work / f"{name}.pub").write_text(key("show", f"{name}.pem"))
    return {f"{name} key": _secret_line(work / f"{name}.pem") for name in ("release", "rsa")}


def _secret_line(path: Path) -> str:
    """Returns a line of a private key that its public half does not have."""
    lines = [line for line in path.read_text().splitlines() if "-----" not in line]
    return lines[len(lines) * 2 // 3] if len(lines) > 4 else lines[0]


def _run(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout
