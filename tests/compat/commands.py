"""What each command of an earlier version said of its own catalog, and what it says today.

``python -m tests.compat.commands CHECKOUT COMMIT`` runs every command of a checkout of a commit of
that version, and writes its output and status to ``tests/compat/<version>/commands.json``, once.
The commands are run one after another on a copy of the catalog beside that file, so that those
which read see what those before them wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import images

HERE = Path(__file__).resolve().parent
VERSION = "0.1.0"
RECORDED = HERE / VERSION / "commands.json"
_LAMP = "--product lamp --board d1_mini"
_TO = "--to {catalog}"
_AT = "--to {url} --token-file token.txt"
#: Each command with the words of its line. Those that read come first, then those that write, and
#: after them the lists of what they wrote. A command that has ``--json`` is run in both ways.
COMMANDS: tuple[str, ...] = (
    *(
        f"inspect {{catalog}}/{file}"
        for file in (
            "lamp/lamp-1.0.0_d1_mini.bin",
            "lamp/lamp-1.1.0_d1_mini.fs.bin",
            "lamp/lamp-1.1.0_esp32-c3-devkitm-1.bin",
            "plain/plain-1.0.0_nodemcuv2.bin",
            "copied.bin",
            "lamp/missing.bin",
        )
    ),
    "stamp {catalog}/plain/plain-1.0.0_nodemcuv2.bin --product plain --version 1.0.0 -o s.bin",
    "stamp {catalog}/lamp/lamp-1.0.0_d1_mini.bin --product lamp --version 3.0.0 -o stamped.bin",
    "key create -o signing.pem",
    "key create --rsa -o rsa.pem",
    "key create -o signing.pem",
    "key show rsa.pem",
    "key show lamp.txt",
    "sign {catalog}/lamp/lamp-1.0.0_d1_mini.bin --key rsa.pem -o signed.bin",
    "verify signed.bin --key rsa-public.pem",
    "verify {catalog}/lamp/lamp-1.0.0_d1_mini.bin --key rsa-public.pem",
    "list {catalog}",
    *(f"list {{catalog}} --path {path}" for path in ("lamp", "plain", "signed", "missing")),
    "list missing",
    "diff {catalog}/lamp/lamp-1.0.0_d1_mini.bin {catalog}/lamp/lamp-1.1.0_d1_mini.bin",
    f"diff lamp@1.0.0 lamp@1.1.0 {_TO} --board d1_mini",
    f"diff lamp@1.0.0 new.bin {_TO} --board d1_mini",
    f"diff lamp@1.0.0 lamp@9.0.0 {_TO}",
    f"check new.bin {_TO} {_LAMP} --version 2.0.0",
    f"check new.bin {_TO} {_LAMP} --version 0.9.0",
    f"check new.bin {_TO} --product signed --board d1_mini --version 2.0.0",
    f"check c3.bin {_TO} {_LAMP} --version 2.0.0",
    "check --list",
    "check --explain version-order",
    f"key trust {_TO[5:]} --product signed",
    "key trust {catalog} --product lamp",
    "key trust {catalog} --product lamp --remove 0123456789abcdef",
    "config",
    "serve -d missing -b 127.0.0.1 -p 0",
    "token create --publish lamp --catalog {catalog} --state {state}",
    "token create --publish !",
    "list {url}",
    "list {url} --path lamp",
    "list {url} --path missing",
    "diff lamp@1.0.0 lamp@1.1.0 --to {url} --board d1_mini",
    "check new.bin --to {url} --product lamp --board d1_mini --version 2.0.0",
    "device {url} --auto lamp/d1_mini",
    "device {url} --auto lamp/d1_mini --flash flash.bin",
    "device {url} --auto lamp/d1_mini --flash flash.bin --version 1.1.0",
    "device {url} --auto lamp/d1_mini --channel dev --flash flash.bin",
    "device {url} --auto lamp/d1_mini --channel nightly",
    "device {url} --auto lamp/d1_mini --mode version",
    "device {url} --auto lamp/d1_mini --mode spiffs",
    "device {url} --auto plain/nodemcuv2 --channel beta",
    "device {url} --auto lamp/esp32-c3-devkitm-1 --chip esp32 --model esp32c3",
    "device {url} --auto signed/d1_mini",
    "device {url} --auto missing/d1_mini",
    "device {url} lamp/lamp-1.0.0_d1_mini.bin",
    "device {url} copied.bin",
    "device {url} --catalog",
    # From here on they write.
    f"publish new.bin {_TO} {_LAMP} --version 2.0.0 --dry-run",
    f"publish {{catalog}}/lamp/lamp-1.0.0_d1_mini.bin {_TO} {_LAMP} --version 1.0.0",
    f"publish new.bin {_TO} {_LAMP} --version 1.0.0",
    f"publish new.bin {_TO} {_LAMP} --version 0.9.0 --dry-run",
    f"publish new.bin {_TO} {_LAMP} --version 2.0.0",
    f"publish new.bin {_TO} {_LAMP} --version 2.0.0 --channel beta",
    f"publish new.bin {_TO} {_LAMP} --version 2.0.0 --compress",
    f"publish fs.bin {_TO} {_LAMP} --version 2.0.0 --kind filesystem",
    f"publish c3.bin {_TO} --product lamp --board esp32-c3-devkitm-1 --version 2.0.0",
    f"publish new.bin {_TO} --product lamp --board d2 --version 1.1.0 --quiet",
    f"publish new.bin {_TO} --product signed --board d1_mini --version 2.0.0",
    f"publish new.bin {_TO} --product other --board d1_mini --version 1.0.0",
    "publish new.bin --to missing --product lamp --board d1_mini --version 2.0.0",
    f"publish lamp.txt {_TO} {_LAMP} --version 2.1.0",
    f"publish new.bin {_AT} {_LAMP} --version 2.1.0 --dry-run",
    f"publish new.bin {_AT} {_LAMP} --version 2.1.0",
    f"publish new.bin {_AT} {_LAMP} --version 2.1.0",
    f"publish other.bin {_AT} {_LAMP} --version 2.1.0",
    "publish new.bin --to {url} --product lamp --board d1_mini --version 2.2.0",
    f"import old {_TO} --dry-run",
    f"import old {_TO} --yes",
    f"import old {_TO} --yes",
    f"import more {_AT} --yes",
    "import missing --to {catalog} --yes",
    "key trust {catalog} signing-public.pem --product plain",
    "key resign {catalog} --product plain --key signing.pem",
    "key trust {catalog} signing-public.pem --product plain",
    "key trust {catalog} --product plain",
    "key resign {catalog} --product signed --key signing.pem",
    "key resign {catalog} --product missing --key signing.pem",
    "key trust {catalog} --product plain --remove signing-public.pem --force",
    f"publish new.bin {_TO} --product plain --board nodemcuv2 --version 2.0.0 --key signing.pem",
    "list {catalog}",
    "list {catalog} --path lamp",
    "list {url} --path lamp",
    "device {url} --auto lamp/d1_mini --flash flash.bin",
    "doctor {url}",
    "init --to {catalog} -d project --yes",
    "init --to {catalog} -d project --undo --yes",
)
#: They have no ``--json``, or it makes no sense to write twice.
_WITHOUT_JSON = ("key create", "token", "serve", "stamp", "sign ", "init")
_WRITES = re.compile(r"(?:publish|import|key resign|key trust .*(?:pem|remove))(?!.*--dry-run)")
_MASKS: tuple[tuple[str, str], ...] = (
    (r"acp_[A-Za-z0-9_-]{43}", "{token}"),
    (r"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----", "{public}"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", "{time}"),
    (r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?", "{day}"),
    (r"\b\d+(?:\.\d+)? m?s\b", "{duration}"),
    (r"\b[0-9a-f]{16}\b", "{key}"),
    (r"(?<=port )\d+", "{port}"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its status."""

    command: str
    status: int
    out: str
    err: str


Run = Callable[[list[str]], tuple[int, str, str]]


def lines() -> Iterator[str]:
    """Yields every command; also with --json those that have it."""
    for command in COMMANDS:
        if command.startswith(_WITHOUT_JSON):
            yield command
        elif _WRITES.match(command):
            # Once in one way and once in the other would not be the same.
            yield f"{command} --json"
        else:
            yield from (command, f"{command} --json")


def prepare(tmp: Path) -> None:
    """Writes the files that the commands name into the folder that they are run in."""
    shutil.copytree(HERE / VERSION / "catalog", tmp / "catalog")
    shutil.copytree(HERE / VERSION / "state", tmp / "state")
    published = json.loads((HERE / VERSION / "published.json").read_text(encoding="utf-8"))
    (tmp / "token.txt").write_text(published["token"])
    (tmp / "lamp.txt").write_text("no image\n")
    files = {
        "new.bin": images.esp8266_image(5120, seed=40),
        "other.bin": images.esp8266_image(5120, seed=41),
        "c3.bin": images.esp32_image(size=1024, seed=42),
        "fs.bin": images.littlefs(4096),
        "old/lamp_v0.8.0_d1_mini.bin": images.esp8266_image(5120, seed=43),
        "old/lamp_v0.9.0_d1_mini.bin": images.esp8266_image(5120, seed=44),
        "old/notes.bin": b"no image",
        "more/lamp_v0.7.0_d1_mini.bin": images.esp8266_image(5120, seed=45),
    }
    for name, data in files.items():
        (tmp / name).parent.mkdir(exist_ok=True)
        (tmp / name).write_bytes(data)
    shutil.copyfile(tmp / "catalog/lamp/lamp-1.0.0_d1_mini.bin", tmp / "flash.bin")
    (tmp / "project").mkdir()
    ini = "[env:d1_mini]\nplatform = espressif8266\nboard = d1_mini\nframework = arduino\n"
    (tmp / "project/platformio.ini").write_text(ini)


@contextlib.contextmanager
def serving(tmp: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Runs a server on the catalog, and yields its URL."""
    words = ["serve", "-d", "catalog", "--state", "state", "-b", "127.0.0.1", "-p", "0"]
    with (tmp / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "acpublish", *words],
            cwd=tmp,
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://[\d.]+:\d+", (tmp / "serve.log").read_text())):
            assert process.poll() is None, (tmp / "serve.log").read_text()
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.02)
        yield found.group()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def environment(tmp: Path) -> dict[str, str]:
    """Returns the environment of the commands, without the caller's settings."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ACPUBLISH_", "GITHUB_", "XDG_"))
    }
    folders = {f"XDG_{name}_HOME": str(tmp / "xdg" / name) for name in ("STATE", "CONFIG")}
    return {**own, **folders, "COLUMNS": "100", "NO_COLOR": "1"}


def said(tmp: Path, url: str, run: Run) -> Iterator[Said]:
    """Runs every command in turn, and yields what it said."""
    values = {"catalog": "catalog", "state": "state", "url": url}
    for command in lines():
        status, out, err = run(command.format(**values).split())
        yield Said(command, status, _masked(out, tmp, url), _masked(err, tmp, url))
        if command.startswith("key create"):
            _, out, _ = run(["key", "show", "rsa.pem" if "--rsa" in command else "signing.pem"])
            name = "rsa-public.pem" if "--rsa" in command else "signing-public.pem"
            (tmp / name).write_text(out)


def _masked(text: str, tmp: Path, url: str) -> str:
    """Returns an output without what differs each time."""
    text = text.replace(url, "{url}").replace(str(tmp), "{tmp}")
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text


def main(checkout: Path, commit: str) -> int:
    """Records what a checkout of a commit of the earlier version says."""
    if RECORDED.exists():
        print(f"{RECORDED} is there, and what a version said never changes", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        tmp = Path(folder).resolve()
        prepare(tmp)
        env = {**environment(tmp), "PYTHONPATH": str(checkout)}

        def run(words: list[str]) -> tuple[int, str, str]:
            command = [sys.executable, "-m", "acpublish", *words]
            done = subprocess.run(
                command, cwd=tmp, env=env, capture_output=True, text=True, check=False, timeout=60
            )
            return done.returncode, done.stdout, done.stderr

        with serving(tmp, env) as url:
            recorded = [
                {
                    "command": answer.command,
                    "status": answer.status,
                    "out": answer.out.splitlines(),
                    "err": answer.err.splitlines(),
                }
                for answer in said(tmp, url, run)
            ]
    text = json.dumps({"commit": commit, "commands": recorded}, indent=1, ensure_ascii=False)
    RECORDED.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve(), sys.argv[2]))
