"""The parts of the documents: their fenced blocks, and the commands in these."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").glob("*.md"),
    ]
)

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>[a-z+]*)\n(?P<text>.*?)^ *```$", re.S | re.M)
_STATUS = re.compile(r"\s+# exit status (\d+)\Z")
_COMMENT = re.compile(r"\s{2,}# .*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language and text."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the status that it ends with, and lines that are among what it prints."""

    text: str
    status: int
    expected: tuple[str, ...]


def blocks(document: Path) -> list[Block]:
    """Returns the fenced blocks of a document, in order."""
    return [
        Block(found["language"], textwrap.dedent(found["text"]))
        for found in _FENCE.finditer(document.read_text())
    ]


def commands(block: Block) -> list[Command]:
    """Returns the commands of a block: lines after ``$`` in console, each line in sh."""
    prompt = "$ " if block.language == "console" else ""
    found: list[tuple[str, list[str]]] = []
    joined = block.text.replace("\\\n", " ")
    for line in joined.splitlines():
        if prompt and not line.startswith(prompt):
            found[-1][1].append(line.strip())
        elif line.strip():
            found.append((line.removeprefix(prompt), []))
    return [_command(text, expected) for text, expected in found]


def _command(text: str, expected: list[str]) -> Command:
    status = _STATUS.search(text)
    bare = _COMMENT.sub("", _STATUS.sub("", text)).strip()
    lines = tuple(line for line in expected if line)
    return Command(" ".join(bare.split()), int(status[1]) if status else 0, lines)


def name_of(document: Path) -> str:
    """Returns a document's path below the project."""
    return str(document.relative_to(ROOT))
