"""The hook for Arduino IDE and arduino-cli: publishes each image that is built.

A core's ``platform.local.txt`` runs it after the image is built (``acpublish init --arduino``). It
runs for every sketch that is built with that core, so it does nothing if no destination is set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.image.reader import read
from acpublish.output_files import write_file
from acpublish.publishing import git
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.github import report_to_workflow
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import PublishOptions
from acpublish.publishing.partitions import is_table
from acpublish.publishing.publish import publish_image
from acpublish.publishing.result import describe
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.candidate import stamped
from acpublish.release.declared import Declared, esp8266_layout
from acpublish.settings.layers import environment
from acpublish.settings.values import Settings, files_of
from acpublish.unexpected import describe_fault

#: As in the table of exit statuses, which belongs to the command line.
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes the image of a build.

    Args:
        arguments: The command-line arguments; by default those of the process.

    Returns:
        The exit status; anything but 0 makes the build fail.
    """
    options = _parser().parse_args(arguments)
    try:
        _publish(options)
    except AcpublishError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        return _fail(describe_fault(error))
    return 0


def _fail(text: str) -> int:
    _print(f"acpublish: error: {text}")
    return 1


def _print(line: str) -> None:
    # A build shows what a hook prints on stdout only if it is verbose.
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m acpublish.arduino", description=__doc__)
    parser.add_argument("image", type=Path, help="the image that was built")
    parser.add_argument("--sketch", type=Path, required=True, help="the folder of the sketch")
    parser.add_argument("--fqbn", required=True, help="package:architecture:board[:options]")
    parser.add_argument("--mcu", default="", help="the chip, as the core spells it")
    # A core without this property passes its placeholder on, and an older hook passes nothing.
    parser.add_argument("--ldscript", default="", help="the linker script of an ESP8266's flash")
    return parser


def _publish(build: argparse.Namespace) -> None:
    image, sketch = build.image, build.sketch
    settings = Settings(environment(os.environ, sketch), files=files_of(sketch, os.environ))
    for value in settings.ignored():
        _print(f"acpublish: warning: {value}")
    if settings.text("to") is None or (settings.text("on_build") and not settings.flag("on_build")):
        return
    options = _options(settings, build)
    source = resolve(options.version_source, sketch)
    catalog = open_catalog(options.destination, publishing=True)
    data = read_file(image)
    publication = publish_image(data, options, source, catalog, development=True)
    # A serial upload then flashes exactly the bytes that were published.
    final = stamped(data, read(data), publication.submission)
    if final != data:
        write_file(image, final)
    for warning in (*publication.receipt.warnings, *report_to_workflow(publication, os.environ)):
        _print(f"acpublish: warning: {warning}")
    for line in (publication.note, describe(publication), publication.receipt.url):
        if line:
            _print(line)


def _options(settings: Settings, build: argparse.Namespace) -> PublishOptions:
    sketch, fqbn, mcu = build.sketch, build.fqbn, build.mcu
    state = git.state_of(sketch)
    flash, before_filesystem = esp8266_layout(build.ldscript)
    # The core for the ESP32 builds the table beside the image (platform.txt of arduino-esp32).
    table = build.image.with_suffix(".partitions.bin")
    board = fqbn.split(":")[2] if fqbn.count(":") >= 2 else fqbn
    return settings.publish_options(
        product=names.product_from(sketch.name),
        board=board.lower(),
        chip=mcu if mcu.startswith("esp") else None,
        provenance={
            "framework": "arduino",
            "fqbn": fqbn,
            **git.of_tools("acpublish"),
            **git.of_git(state),
        },
        private=git.private_of_git(sketch),
        declared=Declared(
            flash_bytes=flash,
            ota_bytes=before_filesystem,
            changed=state.changed if state else None,
        ),
        partitions=table if is_table(table) else None,
    )


if __name__ == "__main__":
    sys.exit(main())
