"""What a workflow is told: a table that nothing breaks out of, and variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.result import Publication
from acpublish.release import names
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version
from tests.ci.runner import variables

URL = "https://firmware.example.com/lamp/lamp-1.0.0_d1.bin"
SHA256 = "ab" * 32
ROWS = ["Product", "Version", "Board", "Channel", "File", "Size", "SHA-256", "URL", "Outcome"]


def publication(url: str = URL, *, dry_run: bool = False) -> Publication:
    return Publication(
        submission=Submission(
            product=names.product("lamp"),
            version=Version.parse("1.0.0"),
            board=names.board("d1"),
            channel=names.channel("stable"),
        ),
        receipt=Receipt(
            outcome=Outcome.PUBLISHED,
            file="lamp/lamp-1.0.0_d1.bin",
            size=1000,
            md5="cd" * 16,
            sha256=SHA256,
            url=url,
        ),
        dry_run=dry_run,
    )


def told(one: Publication, tmp_path: Path) -> tuple[str, dict[str, str]]:
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    environ = {name: str(path) for name, path in files.items()}
    assert list(report_to_workflow(one, environ)) == []
    summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    return summary, variables(files["GITHUB_OUTPUT"])


def shown(cell: str) -> str:
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), cell)


def cells(summary: str) -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in summary.splitlines() if line[:1] == "|"]
    return {row[0]: shown(row[1]) for row in rows if len(row) == 2 and "---" not in row[0]}


def test_the_table_and_the_variables(tmp_path: Path) -> None:
    summary, output = told(publication(), tmp_path)
    assert summary.startswith("\n### ")
    assert shown(summary.splitlines()[1]) == "### lamp 1.0.0 for d1 (stable): published"
    assert cells(summary) == {
        "Product": "lamp",
        "Version": "1.0.0",
        "Board": "d1",
        "Channel": "stable",
        "File": "lamp/lamp-1.0.0_d1.bin",
        "Size": "1000 bytes",
        "SHA-256": SHA256,
        "URL": f"[{URL}](<{URL}>)",
        "Outcome": "published",
    }
    assert output == {
        "version": "1.0.0",
        "url": URL,
        "file": "lamp/lamp-1.0.0_d1.bin",
        "sha256": SHA256,
        "outcome": "published",
        "dry_run": "false",
    }


def test_each_publish_adds_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "GITHUB_STEP_SUMMARY").write_text("Before", encoding="utf-8")
    told(publication(), tmp_path)
    summary, output = told(publication(), tmp_path)
    assert summary.startswith("Before\n###")
    assert summary.count("| Product | lamp |") == 2
    assert output["outcome"] == "published"


def test_a_dry_run_does_not_say_published(tmp_path: Path) -> None:
    summary, output = told(publication(dry_run=True), tmp_path)
    assert "| Outcome | would be published |" in summary
    assert (output["outcome"], output["dry_run"]) == ("published", "true")


@pytest.mark.parametrize(
    "hostile",
    [
        "/tmp/a\nsha256=forged\n",
        "/tmp/a\nEOF\nsha256<<EOF\nforged\nEOF",
        "/tmp/x | forged |\r\n| Outcome | forged",
        "/tmp/<script>alert(1)</script>",
        "/tmp/[text](https://evil.example) ![x](y) `code` **bold** @someone",
        "https://h/>)[x](https://evil.example",
        "/tmp/\x1b[31m\u202e\ud800",
    ],
)
def test_nothing_breaks_out_of_its_place(hostile: str, tmp_path: Path) -> None:
    summary, output = told(publication(hostile), tmp_path)
    assert list(cells(summary)) == ROWS
    assert output["sha256"] == SHA256
    assert output["outcome"] == "published"
    (row,) = [line for line in summary.splitlines() if line.startswith("| URL | ")]
    held = row.removeprefix("| URL | ").removesuffix(" |")
    if hostile.startswith("https://"):
        held, _, link = held[1:-2].partition("](<")
        assert link == held
    assert not re.search(r"[<>\[\]()|`*!@\x00-\x1f\u202e]", held)


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "no" / "x")}
    warnings = list(report_to_workflow(publication(), environ))
    assert [text.partition(":")[0] for text in warnings] == [
        "GITHUB_STEP_SUMMARY cannot be written",
        "GITHUB_OUTPUT cannot be written",
    ]
    assert list(report_to_workflow(publication(), {"GITHUB_OUTPUT": "\0"})) != []


def test_elsewhere_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(report_to_workflow(publication(), {"GITHUB_OUTPUT": ""})) == []
    assert list(tmp_path.iterdir()) == []
