"""Reports a publish to a GitHub workflow: a table, and variables for later steps.

The runner names two files in the environment of each step. A step appends Markdown to one, and
variables to the other. Source: GitHub Docs, "Workflow commands", "Adding a job summary" and
"Setting an output parameter".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from acpublish.errors import reason_of
from acpublish.publishing.result import Publication, describe, outcome

_SUMMARY, _OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
#: Other characters could begin a tag, a link, a cell or a mention.
_PLAIN = frozenset("/.:,+ ")


def report_to_workflow(publication: Publication, environ: Mapping[str, str]) -> Iterator[str]:
    """Appends what was published to the files that a runner names; does nothing elsewhere.

    Args:
        publication: What a publish came to; it contains no secret.
        environ: The environment variables.

    Yields:
        A warning for each file that cannot be written, because the publish itself succeeded.
    """
    texts = {_SUMMARY: _summary(publication), _OUTPUT: _output(publication)}
    for name, text in texts.items():
        path = environ.get(name)
        if path:
            try:
                with Path(path).open("ab") as file:
                    file.write(text.encode("utf-8", "backslashreplace"))
            except OSError as error:
                yield _not_written(name, reason_of(error))
            except ValueError:
                yield _not_written(name, "it is not a path")


def _not_written(name: str, reason: str) -> str:
    return f"{name} cannot be written: {reason}. The publish itself succeeded."


def _summary(publication: Publication) -> str:
    submission, receipt = publication.submission, publication.receipt
    rows = {
        "Product": submission.product,
        "Version": str(submission.version),
        "Board": submission.board,
        "Channel": submission.channel,
        "File": receipt.file,
        "Size": f"{receipt.size} bytes",
        "SHA-256": receipt.sha256,
        "URL": receipt.url,
        "Outcome": outcome(publication),
    }
    cells = {name: _escaped(text) for name, text in rows.items()}
    if receipt.url.startswith(("http://", "https://")):
        cells["URL"] = f"[{cells['URL']}](<{cells['URL']}>)"
    lines = (f"| {name} | {cell} |" for name, cell in cells.items())
    title = _escaped(describe(publication))
    # Without an empty line before it, the table would continue what is there already.
    return "\n".join(("", f"### {title}", "", "| | |", "|---|---|", *lines, "", ""))


def _output(publication: Publication) -> str:
    receipt = publication.receipt
    values = {
        "version": str(publication.submission.version),
        "url": receipt.url,
        "file": receipt.file,
        "sha256": receipt.sha256,
        "outcome": receipt.outcome.value,
        "dry_run": "true" if publication.dry_run else "false",
    }
    # Nobody can guess the end of a value, so no line in it can become another variable.
    end = f"acpublish-{os.urandom(16).hex()}"
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())


def _escaped(text: str) -> str:
    """Returns a string that Markdown and HTML show as it is, on one line."""
    return "".join(
        character
        if character in _PLAIN or (character.isalnum() and character.isprintable())
        else f"&#{ord(character)};"
        if character.isprintable()
        else " "
        for character in text
    )
