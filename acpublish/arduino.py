"""The hook for Arduino IDE and arduino-cli: publishes each image that is built.

A core's ``platform.local.txt`` runs it after the image is made (``acpublish init --arduino``). It
runs for every sketch that is built with that core, so that it does nothing where no destination is
set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.image.reader import read
from acpublish.publishing import git as origin
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.image_files import read_file, write_file
from acpublish.publishing.publish import publish_image
from acpublish.publishing.result import describe
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.placement import stamped
from acpublish.settings.layers import environment
from acpublish.settings.values import Settings, files_of
from acpublish.unexpected import describe_fault

__all__ = ["main"]

#: As the table of exit statuses has it.
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes the image of a build; returns the status that the build takes.

    Args:
        arguments: What follows the program's name; by default what the process was given.
    """
    given = _parser().parse_args(arguments)
    try:
        _publish(given.image, given.sketch, given.fqbn, given.mcu)
    except AcpublishError as fault:
        return _fail(str(fault))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as fault:
        return _fail(describe_fault(fault))
    return 0


def _fail(text: str) -> int:
    print(f"acpublish: error: {text}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m acpublish.arduino", description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--sketch", type=Path, required=True, help="the folder of the sketch")
    parser.add_argument("--fqbn", required=True, help="package:architecture:board[:options]")
    parser.add_argument("--mcu", default="", help="the chip, as the core spells it")
    return parser


def _publish(image: Path, sketch: Path, fqbn: str, mcu: str) -> None:
    settings = Settings(environment(os.environ, sketch), files=files_of(sketch, os.environ))
    for warning in settings.warnings():
        print(f"acpublish: warning: {warning}", file=sys.stderr)
    if settings.text("to") is None or (settings.text("on_build") and not settings.flag("on_build")):
        return
    git = origin.state_of(sketch)
    board = fqbn.split(":")[2] if fqbn.count(":") >= 2 else fqbn
    options = settings.publish_options(
        product=names.product_from(sketch.name),
        board=board.lower(),
        chip=mcu if mcu.startswith("esp") else None,
        provenance={
            "framework": "arduino",
            "fqbn": fqbn,
            **origin.of_tools("acpublish"),
            **origin.of_git(git),
        },
        private=origin.private_of_git(sketch),
        declared=Declared(changed=git.changed if git else None),
    )
    source = resolve(options.version_source, sketch)
    catalog = open_catalog(options.destination, publishing=True)
    data = read_file(image)
    publication = publish_image(data, options, source, catalog, on_build=True)
    # What a cable flashes is then the very image that was published.
    final = stamped(data, read(data), publication.submission)
    if final != data:
        write_file(image, final)
    for warning in (*publication.receipt.warnings, *report_to_workflow(publication, os.environ)):
        print(f"acpublish: warning: {warning}", file=sys.stderr)
    for line in (publication.note, describe(publication), publication.receipt.url):
        if line:
            # What a hook prints on stdout is shown only by a verbose build.
            print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
