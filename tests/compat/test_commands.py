"""Every command of an earlier version, on its catalog after the upgrade: what it says, and status.

The sentences for people were written anew since, so of a text the facts count: each name, number,
version and digest in it. Of a document of ``--json`` each key and each value counts, but for the
keys of :data:`WORDS`, which are sentences. Where today's answer is meant to be another,
:data:`INTENDED` has the reason.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.cli import main
from tests.compat.commands import RECORDED, Said, environment, prepare, said, serving

#: The keys whose values are sentences for people.
WORDS = frozenset(
    {"error", "hint", "problem", "warnings", "what", "explanation", "not_checked", "lacks"}
)
#: The keys that name an entry of a list, which may gain entries. A directory is listed by age, and
#: its files are equally old here.
NAMES = ("check", "setting", "name")
#: What is different on purpose: the command, the difference, and the reason.
INTENDED: tuple[tuple[str, str, str], ...] = (
    ("sign .*", r"without [0-9a-f]{64}", "the recording has another key, so another signature"),
    (
        "check .* --json",
        r"\.(?:slot|partition-layout)\.result: 'not checked' -> 'ok'",
        "an ESP8266 has no partition table, so nothing is lacking",
    ),
    (
        "(?:check|publish) .* --version 0.9.0.*",
        "status 0 -> 7",
        "what no device would ever be offered is refused; the channel archive takes it",
    ),
    (
        "check --(?:list|explain version-order) --json",
        r"\.version-order\.severity: 'warning' -> 'error'",
        "likewise",
    ),
    (r"doctor \{url\}", "without 14", "the check of addresses has been added"),
    (
        "import old .* --json",
        r"\[2\]\.product: None -> 'notes'",
        "what is read from a name is said, even if the rest is missing",
    ),
    (
        "key trust .* signing-public.pem .*",
        "status 0 -> 2",
        "to withhold releases that are offered has to be confirmed",
    ),
    (
        "key resign .* --product plain .*",
        r"\.(?:signed: \[\] -> \['plain/.*'\]|left_out: \['plain/.*'\] -> \[\])",
        "so no key is trusted yet, and without one every release is valid and can be signed",
    ),
    (
        "key trust .* signing-public.pem --product plain --json",
        r"\.withheld: \['plain/.*'\] -> \[\]",
        "after that, nothing has to be withheld",
    ),
    (
        "key trust .* --remove signing-public.pem --force --json",
        "status 0 -> 2",
        "to stop trusting the last key admits every release, which has to be confirmed",
    ),
)
#: What in a text is a fact: a word with a digit, the name of a file, or something masked.
_FACT = re.compile(r"\{[a-z]+\}[\w./-]*|[\w.+@/-]*\d[\w+@/-]*(?:\.[\w+@/-]+)*|[\w-]+\.(?:bin|pem)")


def recorded() -> list[Said]:
    """What the earlier version said."""
    document = json.loads(RECORDED.read_text(encoding="utf-8"))
    return [
        Said(run["command"], run["status"], "\n".join(run["out"]), "\n".join(run["err"]))
        for run in document["commands"]
    ]


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """What the commands say today of the upgraded catalog."""
    tmp: Path = tmp_path_factory.mktemp("commands").resolve()
    prepare(tmp)
    catalog = DirectoryCatalog(tmp / "catalog")
    for product in catalog.products():
        catalog.changes.upgrade(product)
    assert len(list(tmp.rglob("channels.json"))) == 3
    variables = environment(tmp)

    def run(words: list[str]) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
        return status, out.getvalue(), err.getvalue()

    with pytest.MonkeyPatch.context() as patch, serving(tmp, variables) as url:
        patch.chdir(tmp)
        for name in set(os.environ) - set(variables):
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        return list(said(tmp, url, run))


def differences(before: Said, after: Said) -> Iterator[str]:
    """Yields what an answer lost since."""
    if before.status != after.status:
        yield f"status {before.status} -> {after.status}"
    elif before.command.endswith("--json"):
        yield from lost(_document(before.out), _document(after.out), "")
    else:
        facts = set(_FACT.findall(f"{after.out}\n{after.err}"))
        for fact in sorted(set(_FACT.findall(f"{before.out}\n{before.err}")) - facts):
            yield f"without {fact}"


def _document(text: str) -> Any:
    return json.loads(text) if text.strip() else {}


def lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """Yields which keys and values of a document another one does not have."""
    before, after = _by_name(before), _by_name(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{path}.{key} is gone"
            elif key not in WORDS:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from lost(old, new, f"{path}[{number}]")
    elif before != after:
        yield f"{path}: {before!r} -> {after!r}"


def _has(item: Any, key: str) -> bool:
    return isinstance(item, dict) and key in item


def _by_name(value: Any) -> Any:
    for name in NAMES:
        if isinstance(value, list) and value and all(_has(item, name) for item in value):
            return {item[name]: item for item in value}
    return value


def test_each_says_what_it_said_but_for_what_is_intended(today: list[Said]) -> None:
    earlier = recorded()
    assert [run.command for run in today] == [run.command for run in earlier]
    found = [
        (before.command, difference)
        for before, after in zip(earlier, today, strict=True)
        for difference in differences(before, after)
    ]
    unexpected = [
        f"{command}: {difference}"
        for command, difference in found
        if not any(
            re.fullmatch(of, command) and re.fullmatch(what, difference) for of, what, _ in INTENDED
        )
    ]
    assert not unexpected, "\n".join(unexpected)
    unused = [
        (of, what)
        for of, what, _ in INTENDED
        if not any(
            re.fullmatch(of, command) and re.fullmatch(what, difference)
            for command, difference in found
        )
    ]
    assert unused == []


def test_what_would_be_lost_is_seen() -> None:
    document = {"a": 1, "b": [{"check": "x", "result": "ok"}], "hint": "old"}
    assert list(lost(document, {**document, "hint": "new", "c": 2}, "")) == []
    assert list(lost(document, {"a": 2, "b": []}, "")) == [
        ".a: 1 -> 2",
        ".b: {'x': {'check': 'x', 'result': 'ok'}} -> []",
        ".hint is gone",
    ]
