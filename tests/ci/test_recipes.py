"""The recipes for GitHub Actions and GitLab CI, run step by step against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from tests.ci import runner
from tests.docs.documents import ROOT
from tests.support import images
from tests.support.server import RunningServer
from tests.support.tokens import create_token

if not shutil.which("bash") or not shutil.which("git"):
    pytest.skip("bash or git is not installed", allow_module_level=True)

FIRMWARE = ".pio/build/d1_mini/firmware.bin"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A checkout at the tag v1.4.0, after its build."""
    work = tmp_path / "work"
    (work / FIRMWARE).parent.mkdir(parents=True)
    (work / FIRMWARE).write_bytes(images.esp8266_image())
    (work / ".gitignore").write_text(".pio\n", encoding="utf-8")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x"), ("tag", "v1.4.0")):
        subprocess.run(["git", *who, *words], cwd=work, check=True, capture_output=True)
    return work


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A token of the server."""
    return create_token(tmp_path / "state", "lamp")


@pytest.fixture
def inputs(server: RunningServer, token: str) -> dict[str, str]:
    """What the example passes to the action, with the URL and the token of the server."""
    (job,) = runner.load(runner.WORKFLOW)["jobs"].values()
    (step,) = (one for one in job["steps"] if "acpublish" in one.get("uses", ""))
    return {**step["with"], "to": server.url, "token": token}


def held(tmp_path: Path) -> list[str]:
    catalog = DirectoryCatalog(tmp_path / "catalog")
    return [str(release.version) for release in catalog.releases("lamp")]


def test_the_action_publishes_and_again_is_a_success(
    inputs: dict[str, str], work: Path, tmp_path: Path, token: str
) -> None:
    ended = runner.run_action(inputs, work, tmp_path)
    assert ended.status == 0, ended.printed
    assert "lamp 1.4.0 for d1_mini (stable): published" in ended.printed
    assert held(tmp_path) == ["1.4.0"]
    assert token not in ended.printed + ended.summary
    (image,) = DirectoryCatalog(tmp_path / "catalog").releases("lamp")[0].images
    assert ended.outputs == {
        "version": "1.4.0",
        "url": f"{inputs['to']}/lamp/lamp-1.4.0_d1_mini.bin",
        "file": "lamp/lamp-1.4.0_d1_mini.bin",
        "sha256": image.sha256,
        "outcome": "published",
        "dry_run": "false",
    }
    assert f"| SHA-256 | {image.sha256} |" in ended.summary
    ended = runner.run_action({**inputs, "options": "--dry-run  --json"}, work, tmp_path)
    assert '"outcome": "already published"' in ended.printed
    assert ended.outputs["outcome"] == "already published"


def test_a_publish_that_fails_fails_the_action(
    inputs: dict[str, str], work: Path, tmp_path: Path, token: str
) -> None:
    ended = runner.run_action({**inputs, "token": token[:-1]}, work, tmp_path)
    assert ended.status == 3
    assert token[:-1] not in ended.printed
    (work / FIRMWARE).write_bytes(b"no image")
    assert runner.run_action(inputs, work, tmp_path).status == 7
    assert held(tmp_path) == []


def test_an_input_that_is_left_out_leaves_the_variable_of_the_job(
    inputs: dict[str, str], work: Path, tmp_path: Path
) -> None:
    job = {"ACPUBLISH_TOKEN": inputs["token"], "ACPUBLISH_CHANNEL": "beta"}
    ended = runner.run_action({**inputs, "token": ""}, work, tmp_path, job)
    assert ended.status == 0, ended.printed
    assert "(beta): published" in ended.printed


def test_the_images_of_the_jobs_have_git() -> None:
    jobs = {**runner.load(runner.TEMPLATE), **runner.load(runner.PIPELINE)}
    found = [one["image"] for one in jobs.values() if isinstance(one, dict) and "image" in one]
    assert len(found) == 2
    assert not [one for one in found if "slim" in one or "alpine" in one]


def test_no_input_is_run(inputs: dict[str, str], work: Path, tmp_path: Path) -> None:
    hostile = f'"; touch {tmp_path}/pwned; $(touch {tmp_path}/pwned) `touch {tmp_path}/pwned` #'
    assert runner.run_action(dict.fromkeys(inputs, hostile), work, tmp_path).status != 0
    assert not (tmp_path / "pwned").exists()
    assert held(tmp_path) == []


def test_the_template_publishes(
    server: RunningServer, work: Path, tmp_path: Path, token: str
) -> None:
    job = runner.extended(runner.load(runner.PIPELINE), runner.load(runner.TEMPLATE), "publish")
    given = {
        "ACPUBLISH_PACKAGE": str(ROOT),
        "ACPUBLISH_TO": server.url,
        "ACPUBLISH_TOKEN": token,
    }
    ended = runner.run_job(job, given, work)
    assert ended.status == 0, ended.printed
    assert token not in ended.printed
    assert held(tmp_path) == ["1.4.0"]
    (kept,) = job["artifacts"]["paths"]
    assert json.loads((work / kept).read_text(encoding="utf-8"))["outcome"] == "published"
    ended = runner.run_job(job, {**given, "ACPUBLISH_TOKEN": "wrong"}, work)
    assert ended.status == 3, ended.printed


def test_the_example_uses_what_the_action_has() -> None:
    action = runner.load(runner.ACTION)
    (job,) = runner.load(runner.WORKFLOW)["jobs"].values()
    (step,) = (one for one in job["steps"] if "acpublish" in one.get("uses", ""))
    assert set(step["with"]) <= set(action["inputs"])
    required = {name for name, one in action["inputs"].items() if one.get("required")}
    assert required <= set(step["with"])
    text = runner.WORKFLOW.read_text(encoding="utf-8")
    used = re.findall(rf"steps\.{step['id']}\.outputs\.(\w+)", text)
    assert set(used) <= set(action.get("outputs", {}))
    # Anybody can open a pull request with a hostile title; an expression in a script would run it.
    for one in (*action["runs"]["steps"], *job["steps"]):
        assert "${{" not in one.get("run", "")


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-actions", runner.ACTION),
        ("github-workflows", runner.WORKFLOW),
        ("gitlab-ci", runner.TEMPLATE),
        ("gitlab-ci", runner.PIPELINE),
    ],
)
def test_the_files_are_of_their_schema(schema: str, path: Path) -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*checker, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
