"""The documents are true: their commands run here, and their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from acpublish.cli import acpublish as command_line
from bench.peers import STREAM_MODULE
from tests.docs.documents import DOCUMENTS, ROOT, blocks, commands, name_of
from tests.docs.sandbox import Sandbox
from tests.support.pio import make_core_dir, missing_part

#: Languages of blocks that are run, and of blocks that are files; the others contain no commands.
RUN = {"console", "sh"}
WRITTEN = {"ini", "cpp", "python", "toml"}
OTHER = {"json", "yaml", "nginx", "text", ""}


def _packages_are_ours(command: str) -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    for word in shlex.split(command)[shlex.split(command).index("install") + 1 :]:
        name, _, extra = word.rstrip("]").partition("[")
        assert f'name = "{name}"' in pyproject, word
        for one in filter(None, extra.split(",")):
            assert re.search(rf"^{one} = \[", pyproject, re.M), word


def _make_knows(command: str) -> None:
    for goal in shlex.split(command)[1:]:
        done = subprocess.run(
            ["make", "--dry-run", "--directory", str(ROOT), goal],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _module_is_there(command: str) -> None:
    __import__(shlex.split(command)[2])


def _deploy_tests_run_it(command: str) -> None:
    from tests.deploy.machine import documented

    assert command in documented("")


def _file_is_there(command: str) -> None:
    words = shlex.split(command)
    if words[1] == "build":
        assert (ROOT / words[words.index("--file") + 1]).is_file()


#: Commands that are not run here: how they begin, why not, and what is checked instead.
NOT_RUN: dict[str, tuple[str, Callable[[str], None]]] = {
    "python -m pip install": ("it needs an index that has acpublish", _packages_are_ours),
    "~/acpublish-server/bin/python -m pip install": (
        "it needs an index that has acpublish",
        _packages_are_ours,
    ),
    "python3 -m venv": ("it takes seconds, and nothing in it is ours", _module_is_there),
    "sudo ": ("tests/deploy runs it, with another root", _deploy_tests_run_it),
    "/opt/acpublish": ("tests/deploy runs it, with another root", _deploy_tests_run_it),
    "docker ": ("there is no Docker; tests/deploy looks into the Dockerfile", _file_is_there),
    "make ": ("each has a test or a step of its own", _make_knows),
}

#: Documents whose commands have a browser between them, and the test that runs them.
WITH_BROWSER = {"docs/how-to/drop-a-file.md": "tests/pages/test_drop_a_file.py"}


def _not_run(command: str) -> Callable[[str], None] | None:
    return next((check for start, (_, check) in NOT_RUN.items() if command.startswith(start)), None)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A core directory of PlatformIO; an empty one if nothing can be built."""
    if missing_part("esp8266"):
        return tmp_path_factory.mktemp("core")
    return make_core_dir(tmp_path_factory.mktemp("platformio") / "core")


def _needs(document: Path) -> None:
    parts = blocks(document)
    said = [command.text for part in parts if part.language in RUN for command in commands(part)]
    builds = any("pio run" in one for one in said) or any(part.language == "cpp" for part in parts)
    reason = missing_part("esp8266") if builds else None
    if reason:
        pytest.skip(reason)
    if any(one.startswith("git ") for one in said) and not shutil.which("git"):
        pytest.skip("git is not installed")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_commands_of_a_document_do_what_it_says(
    document: Path, tmp_path: Path, core: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name_of(document) in WITH_BROWSER:
        assert (ROOT / WITH_BROWSER[name_of(document)]).is_file()
        return
    _needs(document)
    sandbox = Sandbox(tmp_path, core)
    monkeypatch.chdir(sandbox.project)
    monkeypatch.setenv("HOME", str(sandbox.home))
    try:
        for block in blocks(document):
            assert block.language in RUN | WRITTEN | OTHER, block.language
            if block.language in RUN:
                for command in commands(block):
                    check = _not_run(command.text)
                    check(command.text) if check else sandbox.run(command)
            elif block.language in WRITTEN and "[Service]" not in block.text:
                sandbox.write(block)
        sandbox.finish()
    finally:
        sandbox.close()


def test_every_reason_not_to_run_a_command_is_still_needed() -> None:
    said = [
        command.text
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language in RUN
        for command in commands(block)
    ]
    unused = [start for start in NOT_RUN if not any(one.startswith(start) for one in said)]
    assert not unused


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_json_in_a_document_is_json(document: Path) -> None:
    for block in blocks(document):
        if block.language == "json":
            assert json.loads(block.text)


def _esphome_has(written: dict[str, Any]) -> bool:
    examples = (ROOT / "examples" / "esphome").glob("*.yaml")
    return any(
        written.items() <= yaml.safe_load(example.read_text()).items() for example in examples
    )


#: Files of Prometheus and Home Assistant, by their first keys, and the tests that use them.
TESTED_ELSEWHERE = {
    "scrape_configs": "tests/integration/test_watched_server.py",
    "groups": "tests/integration/test_watched_server.py",
    "automation": "tests/integration/test_home_assistant_document.py",
}


def test_yaml_in_the_documents_is_what_the_examples_have() -> None:
    examples = [
        yaml.safe_load((ROOT / "examples" / "ci" / name).read_text())
        for name in ("github-actions.yml", "gitlab-ci.yml")
    ]
    steps = [step for job in examples[0]["jobs"].values() for step in job["steps"]]
    found = [block for one in DOCUMENTS for block in blocks(one) if block.language == "yaml"]
    assert found
    for block in found:
        written = yaml.safe_load(block.text)
        if isinstance(written, list):
            assert all(step in steps for step in written)
            continue
        if "esphome" in written:
            assert _esphome_has(written)
            continue
        if not TESTED_ELSEWHERE.keys().isdisjoint(written):
            assert all((ROOT / TESTED_ELSEWHERE[key]).is_file() for key in written)
            continue
        assert written["include"] == examples[1]["include"]
        assert written["publish"].items() <= examples[1]["publish"].items()


def test_the_options_of_the_service_exist() -> None:
    units = [block.text for one in DOCUMENTS for block in blocks(one) if "[Service]" in block.text]
    assert units
    for unit in units:
        started = re.search(r"^ExecStart=\S*/acpublish (?P<words>.*)$", unit, re.M)
        assert started
        name, *words = shlex.split(started["words"])
        with click.Context(command_line, **command_line.context_settings) as context:
            command = command_line.get_command(context, name)
            assert command is not None
            command.make_context(name, words, parent=context).close()


def test_nginx_accepts_the_proxy(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    found = [block.text for one in DOCUMENTS for block in blocks(one) if block.language == "nginx"]
    assert found
    for number, text in enumerate(found):
        config = tmp_path / f"{number}.conf"
        streams = text.startswith("stream")
        if streams and not STREAM_MODULE.exists():
            continue
        config.write_text(
            (f"load_module {STREAM_MODULE};\n" if streams else "")
            + f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n"
            + (text if streams else f"http {{ access_log off;\n{text}}}\n")
        )
        done = subprocess.run(
            [nginx, "-t", "-p", str(tmp_path), "-c", str(config)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<to>[^)\s]+)\)")
_MAX_IMAGE_BYTES = 60_000
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.M)


def _anchors(document: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    return {
        re.sub(r"[^a-z0-9 _-]", "", found["text"].lower()).replace(" ", "-")
        for found in _HEADING.finditer(text)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for found in _LINK.finditer(document.read_text()):
        path, _, anchor = found["to"].partition("#")
        if "://" in path:
            continue
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(found["to"])
    assert not broken


def test_images_are_small_described_and_used() -> None:
    used = {}
    for document in DOCUMENTS:
        for found in _IMAGE.finditer(document.read_text()):
            assert len(found["alt"]) > 30, (name_of(document), found["to"])
            used[(document.parent / found["to"]).resolve()] = document
    stored = set((ROOT / "docs/images").iterdir())
    assert stored == set(used)
    assert [image.name for image in stored if image.stat().st_size >= _MAX_IMAGE_BYTES] == []


def test_every_document_is_found_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        document = ahead.pop()
        if document in seen:
            continue
        seen.add(document)
        for found in _LINK.finditer(document.read_text()):
            target = (document.parent / found["to"].partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file():
                ahead.append(target)
    assert [name_of(one) for one in DOCUMENTS if one not in seen] == []
