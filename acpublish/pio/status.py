"""The targets that publish no image.

``ota_check`` and ``ota_status`` only look, and ``ota_promote`` lets a channel point at what was
published before.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from acpublish.errors import AuthenticationError, SettingsError, StoreError
from acpublish.pio.run_state import Hook, print_line
from acpublish.pio.uploading import source_of
from acpublish.publishing.destinations import open_catalog, open_changes, running_devices
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import Destination
from acpublish.publishing.overview import never_updated_lines, release_lines, running_line
from acpublish.publishing.publish import preflight
from acpublish.publishing.standing import move_text
from acpublish.release import names
from acpublish.release.adoption import Adoption
from acpublish.release.change_request import ChangeRequest
from acpublish.release.checks.registry import findings_of, raise_errors
from acpublish.release.text import name_of_person

#: Runs the command with the folders in which this process finds its modules.
_RUN = (
    "import os, runpy, sys; sys.path += sys.argv.pop(1).split(os.pathsep); "
    "runpy.run_module('acpublish', run_name='__main__', alter_sys=True)"
)
#: Far more than the command needs, even with the largest store.
_STATUS_S = 60.0


def check(hook: Hook, path: Path) -> None:
    """Runs the pre-flight checks on an image, and prints their results.

    Raises:
        AcpublishError: The checks could not run, or one of them found an error.
    """
    plan = hook.plan()
    options = hook.project.complete(plan)
    catalog = open_catalog(options.destination)
    data = read_file(path)
    results = preflight(
        data,
        options,
        source_of(hook, path, data),
        catalog.releases(options.product),
        catalog.trusted_keys(options.product),
    )
    for outcome, name, text in (row for result in results for row in result.rows()):
        print_line(f"{outcome:<12} {name:<17} {text}".rstrip(), sys.stdout)
    raise_errors(findings_of(results))


def show_status(hook: Hook) -> None:
    """Prints what is published of the product, and what its devices run, as far as that is known.

    Raises:
        AcpublishError: The destination cannot be read.
    """
    destination = hook.project.settings.destination()
    product = hook.project.product
    releases = open_catalog(destination).releases(product)
    print_line(f"{product} in {destination.to}", sys.stdout)
    for line in release_lines(releases):
        print_line(line, sys.stdout)
    try:
        running = (
            running_devices(destination, product)
            if destination.is_server or not releases
            else _running_of_directory(destination, product)
        )
    except (AuthenticationError, StoreError) as error:
        print_line(f"what devices run is not shown: {error}", sys.stdout)
        return
    if running:
        for line in (running_line(running), *never_updated_lines(running)):
            print_line(line, sys.stdout)


def _running_of_directory(destination: Destination, product: str) -> tuple[Adoption, ...]:
    """Returns what the devices of a directory run, which ``acpublish status`` knows.

    A build never loads the fleet, so the command does, and only if there is a state folder.

    Raises:
        StoreError: The command cannot say it.
    """
    state = destination.state
    if state is None or not state.is_dir():
        return ()
    words = ("status", product, "--to", destination.to, "--state", str(state), "--json")
    # PlatformIO's Python may know acpublish only by a path that it was started with.
    path = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_STATUS_S,
            check=True,
        )
        (standing,) = json.loads(done.stdout)
        adoptions = tuple(map(Adoption.from_dict, standing["devices"]))
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
        hint = f"See what 'acpublish {shlex.join(words[:4])}' says."
        raise StoreError(f"the fleet of {destination.to} cannot be read", hint=hint) from error
    if not adoptions and "what devices run is not shown" in done.stderr:
        print_line(done.stderr.strip().splitlines()[-1], sys.stdout)
    return adoptions


def promote(hook: Hook) -> None:
    """Lets the channel that is set point at the version of the sources, for this board.

    Raises:
        AcpublishError: There is no version or channel, it is not published, or it cannot move.
    """
    if hook.source is None:
        raise SettingsError(
            "no version is given", hint="Set custom_ota_version, or add -a --version -a V."
        )
    project = hook.project
    if hook.source.git is not None and hook.source.git.changed:
        raise SettingsError(
            "the working tree has uncommitted changes, so its version is not published",
            hint="Commit them, or name the version with -a --version -a V.",
        )
    channel = project.settings.checked("channel", names.channel)
    request = ChangeRequest(
        action="promote",
        version=hook.source.version("0" * 64),
        channel=channel,
        boards=(project.board,),
        by=project.settings.checked("by", name_of_person, ""),
    )
    changes = open_changes(project.settings.destination(), changing=True)
    changed = changes.make(project.product, request)
    moves = changed.change.moves if changed.change else ()
    for line in (*map(move_text, moves), *changed.notes):
        print_line(line, sys.stdout)
    what = f"{project.product} {request.version} for {project.board}"
    if changed.change is None:
        done = "nothing to do" if changed.notes else f"{channel} points at it already"
    else:
        done = f"promoted to {channel}" + ("" if moves else ", in stages")
    print_line(f"{what}: {done}", sys.stdout)
