"""A substitute for a runner: evaluates the expressions of our recipes, and runs their steps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.docs.documents import ROOT

ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / "examples" / "ci" / "github-actions.yml"
TEMPLATE = ROOT / "templates" / "acpublish.gitlab-ci.yml"
PIPELINE = ROOT / "examples" / "ci" / "gitlab-ci.yml"

_EXPRESSION = re.compile(r"\$\{\{ *([a-z0-9_.]+) *\}\}")
#: ``name=value``, or ``name<<END``, the lines of the value, and ``END`` alone on a line.
_OUTPUT = re.compile(
    r"^(?:(?P<short>\w+)=(?P<line>.*)|(?P<long>\w+)<<(?P<end>.+)\n(?P<lines>(?s:.*?))\n(?P=end))$",
    re.M,
)
#: How GitHub's runner starts ``shell: bash``; GitLab's is as strict.
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: status, what it printed, outputs, the summary."""

    status: int
    printed: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


def load(path: Path) -> Any:
    """Returns the document in a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def run_action(
    inputs: Mapping[str, str], work: Path, tmp: Path, job: Mapping[str, str] | None = None
) -> Ended:
    """Runs the composite action as a runner does, step by step up to the first that fails.

    The variables of the job are there in each step, where the step has none of the name.
    """
    action = load(ACTION)
    known = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    context = {f"inputs.{name}": value for name, value in {**known, **inputs}.items()}
    files = {name: tmp / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    printed = ""
    for number, step in enumerate(action["runs"]["steps"]):
        for file in files.values():
            file.write_text("", encoding="utf-8")
        assert step["shell"] == "bash"
        script = tmp / f"step-{number}.sh"
        script.write_text(evaluated(step["run"], context), encoding="utf-8")
        given = {name: evaluated(text, context) for name, text in step.get("env", {}).items()}
        runner = {"GITHUB_ACTIONS": "true", "CI": "true", "RUNNER_TEMP": str(tmp)}
        runner |= {name: str(file) for name, file in files.items()}
        runner["GITHUB_ACTION_PATH"] = str(ROOT)
        status, text = _run([*_BASH, str(script)], work, {**runner, **(job or {}), **given})
        printed += text
        for name, value in variables(files["GITHUB_OUTPUT"]).items():
            context[f"steps.{step.get('id')}.outputs.{name}"] = value
        if status:
            return Ended(status, printed)
    outputs = {
        name: evaluated(one["value"], context) for name, one in action.get("outputs", {}).items()
    }
    summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    return Ended(0, printed, outputs, summary)


def variables(file: Path) -> dict[str, str]:
    """Returns the variables that a step set, after a check that it wrote nothing else."""
    text = file.read_text(encoding="utf-8")
    assert not _OUTPUT.sub("", text).strip(), text
    return {
        found["short"] or found["long"]: found["line"] or found["lines"] or ""
        for found in _OUTPUT.finditer(text)
    }


def run_job(job: Mapping[str, Any], variables: Mapping[str, str], work: Path) -> Ended:
    """Runs a job of GitLab: its variables, then both scripts in one shell."""
    lines = [*job["before_script"], *job["script"]]
    given = {name: str(value) for name, value in job["variables"].items()}
    runner = {"CI": "true", "GITLAB_CI": "true"}
    status, text = _run([*_BASH, "-c", "\n".join(lines)], work, {**runner, **given, **variables})
    return Ended(status, text)


def extended(pipeline: Mapping[str, Any], template: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a job with what it extends: maps are merged, everything else is replaced."""
    job = dict(pipeline[name])
    base = dict(template[job.pop("extends")])
    return {**base, **job, "variables": {**base["variables"], **job["variables"]}}


def evaluated(text: str, context: Mapping[str, str]) -> str:
    """Returns a text with its expressions evaluated; what is not known is empty, as on GitHub."""
    return _EXPRESSION.sub(lambda found: context.get(found[1], ""), text)


def _run(command: list[str], work: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # Nothing is downloaded: this environment has what the package needs and what builds it.
    # For pip, a variable of an option that begins with "no" is 0 to say no.
    pip = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    pip["PIP_NO_COMPILE"] = "0"
    kept = {name: value for name, value in os.environ.items() if "ACPUBLISH" not in name}
    done = subprocess.run(
        command,
        cwd=work,
        env={**kept, **pip, "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout
