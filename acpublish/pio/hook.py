"""Installs the hook: reads what a PlatformIO run is to do, and adds targets and actions for it.

The order matters:

1. Refuse an extra script whose targets or actions PlatformIO would drop.
2. Add the targets, so that they are listed even if the settings are wrong.
3. Refuse a publish that cannot work, before anything is compiled.
4. Add the actions that stamp and publish the image.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from typing import Any

from acpublish.errors import AcpublishError, SettingsError
from acpublish.pio.actions import (
    ota_check,
    ota_promote,
    ota_status,
    publish_build,
    publish_new_image,
    stamp_image,
    stamping_line,
    upload_ota,
    uploadfs_ota,
)
from acpublish.pio.board import filesystem_image
from acpublish.pio.compiled import compile_in, project_environment, show_headers
from acpublish.pio.firmware import (
    IMAGE,
    device_image,
    makes_image,
    publish_last,
    stamp_first,
)
from acpublish.pio.project import Project
from acpublish.pio.provenance import secret_macros
from acpublish.pio.run_request import (
    OTA_CHECK,
    OTA_PROMOTE,
    OTA_STATUS,
    OWN_TARGETS,
    UPLOAD_OTA,
    UPLOADFS_OTA,
    RunRequest,
    program_arguments,
    run_arguments,
)
from acpublish.pio.run_state import KEY, Hook, print_error, print_line
from acpublish.publishing.destinations import refuse_unusable
from acpublish.unexpected import describe_fault

_ON_BUILD = "acpublish_on_build"
_EXTRA_SCRIPTS = "extra_scripts = post:acpublish_ota.py"


def install(env: Any) -> None:
    """Adds the hook to a run; ends the run with a one-line error if the hook cannot work."""
    try:
        _install(env)
    except AcpublishError as error:
        env.Exit(print_error(str(error)))
    except Exception as error:
        env.Exit(print_error(describe_fault(error)))


def _install(env: Any) -> None:
    script: Any = importlib.import_module("SCons.Script")
    request = RunRequest(frozenset(map(str, script.COMMAND_LINE_TARGETS)))
    arguments = program_arguments(run_arguments(env)) if request.has_own_target else None
    project = Project.of(env, arguments)
    if project is None:
        return
    compiles = show_headers(env)
    _refuse_wrong_script(env, script.DefaultEnvironment(), ready=compiles or request.skips_build)
    image = device_image(env, skips_build=request.skips_build)
    filesystem = filesystem_image(env, project.chip, build=request.builds_filesystem)
    _add_targets(env, image, filesystem)
    if env.IsIntegrationDump():
        return
    if compiles:
        compile_in(env, project)
    _warn(project)
    _refuse_conflict(request)
    if request.needs_no_hook:
        return
    if int(script.ARGUMENTS.get("PIOVERBOSE", 0)):
        _print_requests()
    project = replace(project, secret_values=secret_macros(env, project_environment()))
    env[KEY] = hook = Hook(project=project, source=project.version_source())
    hook.on_build = request.may_publish_on_build and project.settings.flag("on_build")
    publishes_build = hook.on_build and request.builds_image
    if publishes_build or request.needs_plan:
        _refuse_before_build(hook, request, publishes_build=publishes_build)
    if compiles and not request.builds_other_program:
        _refuse_other_name(env, request)
        _stamp_when_built(env, hook, image)
    if publishes_build:
        _publish_when_built(env, image)


def _refuse_wrong_script(env: Any, default: Any, *, ready: bool) -> None:
    """Refuses an extra script whose targets or actions PlatformIO would silently drop.

    Args:
        env: SCons' environment.
        default: SCons' default environment.
        ready: Whether PlatformIO has set up the program.
    """
    # A library's script gets a copy (LibBuilderBase in piolib.py), the project's the program's own.
    if default is not env:
        raise SettingsError(
            "the extra script is run by a library, so builds would neither stamp nor publish "
            "images",
            hint=f"Write {_EXTRA_SCRIPTS} in platformio.ini instead.",
        )
    if not ready:
        raise SettingsError(
            "the extra script runs before PlatformIO has set up the program",
            hint=f"Write {_EXTRA_SCRIPTS} in platformio.ini.",
        )
    taken = sorted(OWN_TARGETS & set(env.get("__PIO_TARGETS", {})))
    if taken:
        raise SettingsError(
            f"another extra script has already defined the target {taken[0]}",
            hint="List acpublish's extra script only once, and rename the other target.",
        )


def _refuse_other_name(env: Any, request: RunRequest) -> None:
    """Refuses a run that would neither stamp nor find the image, because it has another name."""
    if request.needs_image and not makes_image(env):
        raise SettingsError(
            f"an extra script set PROGNAME to {env.subst('$PROGNAME')} after PlatformIO had set up "
            "the program, so the image has another name",
            hint="Write pre: in front of that script in extra_scripts.",
        )


def _refuse_conflict(request: RunRequest) -> None:
    if request.conflict:
        firmware, filesystem = request.conflict
        raise SettingsError(
            f"{firmware} and {filesystem} were requested in the same run, and PlatformIO does not "
            "build firmware in such a run",
            hint=f"Run pio run -t {firmware}, then pio run -t {filesystem}.",
        )


def _refuse_before_build(hook: Hook, request: RunRequest, *, publishes_build: bool) -> None:
    plan = hook.plan()
    refuse_unusable(plan.options.destination, publishing=publishes_build or request.publishes)
    if publishes_build:
        plan.source.refuse_no_room()


def _warn(project: Project) -> None:
    for value in project.settings.ignored():
        print_line(f"acpublish: warning: {value}", sys.stderr)


def _print_requests() -> None:
    """Prints each request to a server, as ``pio run -v`` prints each command."""
    from acpublish.publishing.destinations import trace_requests

    trace_requests(lambda line: print_line(f"acpublish: {line}", sys.stderr))


def _add_targets(env: Any, image: str, filesystem: Any) -> None:
    """Adds the targets that ``pio run --list-targets`` shows.

    Args:
        env: SCons' environment.
        image: The path of the firmware.
        filesystem: The node of the filesystem image, or its path.
    """

    def add(name: str, dependency: Any, action: Any, title: str, description: str) -> None:
        env.AddCustomTarget(
            name, dependency, action, title=title, description=f"{description} (acpublish)"
        )

    add(
        UPLOAD_OTA,
        image,
        env.VerboseAction(upload_ota, "Publishing $SOURCE"),
        "Upload OTA",
        "Publish the firmware for updates over the air",
    )
    add(
        UPLOADFS_OTA,
        filesystem,
        env.VerboseAction(uploadfs_ota, "Publishing $SOURCE"),
        "Upload Filesystem OTA",
        "Build and publish the filesystem image",
    )
    add(
        OTA_CHECK,
        image,
        env.VerboseAction(ota_check, "Checking $SOURCE"),
        "Check OTA",
        "Run the publish checks without publishing anything",
    )
    add(
        OTA_STATUS,
        None,
        env.VerboseAction(ota_status, "Showing what is published"),
        "OTA Status",
        "Show what is published, on which channels, and what devices are running",
    )
    add(
        OTA_PROMOTE,
        None,
        env.VerboseAction(ota_promote, "Promoting what is published"),
        "Promote OTA",
        "Let a channel point at the published version of the sources; build nothing",
    )


def _stamp_when_built(env: Any, hook: Hook, image: str) -> None:
    if hook.source is None:
        return
    # The version of a changed working tree ends in the image's own digest, unknown before the link.
    version = hook.source.version("0" * 64)
    env.Depends(IMAGE, env.Value(f"{hook.project.product} {version}"))
    # With `pio run -v`, VerboseAction returns the bare function, which SCons cannot run.
    stamp_first(env, env.Action(env.VerboseAction(stamp_image, stamping_line)))
    # Publishes the image whatever target it is built for, not only for a plain `pio run`.
    if hook.project.settings.flag("on_build"):
        publish_last(env, image, env.Action(publish_new_image, None))


def _publish_when_built(env: Any, image: str) -> None:
    # This is a target because a post-action is not run again after it has failed. The action
    # prints its own progress, because most of its runs do nothing.
    target = env.AlwaysBuild(env.Alias(_ON_BUILD, image, env.Action(publish_build, None)))
    env.Default(target)
    # A serial upload then flashes exactly the bytes that were published.
    env.Depends("buildprog", target)
    env.Depends("upload", target)
