"""Sets the hook up: what each run of PlatformIO is asked for, and so what is added to it."""

from __future__ import annotations

import importlib
import shlex
import sys
from dataclasses import replace
from typing import Any

from acpublish.errors import AcpublishError, SettingsError
from acpublish.pio.actions import (
    KEY,
    Hook,
    ota_check,
    ota_status,
    publish_build,
    publish_made,
    report,
    say,
    stamp_image,
    upload_ota,
    uploadfs_ota,
)
from acpublish.pio.arguments import program_arguments
from acpublish.pio.compiled import compile_in, project_environment, show_headers
from acpublish.pio.filesystem import filesystem_image
from acpublish.pio.macros import secret_macros
from acpublish.pio.project import Project
from acpublish.publishing.places import refuse_unusable
from acpublish.unexpected import describe_fault

__all__ = ["install"]

#: A signed or encrypted image has another name, which the user's own script then publishes.
_IMAGE = "$BUILD_DIR/${PROGNAME}.bin"
_UPLOAD_OTA, _UPLOADFS_OTA = "upload_ota", "uploadfs_ota"
_OTA_CHECK, _OTA_STATUS = "ota_check", "ota_status"
_OURS = frozenset({_UPLOAD_OTA, _UPLOADFS_OTA, _OTA_CHECK, _OTA_STATUS})
_ON_BUILD = "acpublish_on_build"
#: With these PlatformIO gives the image no builder: it builds the filesystem's image alone.
_FILESYSTEM = frozenset({"buildfs", "uploadfs", "uploadfsota"})
#: Runs that are about another program than this source's.
_OTHER_PROGRAM = _FILESYSTEM | {"__debug", "__test"}
#: Targets that make no image; a run that asks for nothing else is left alone.
_LOOKING = frozenset({"checkprogsize", "compiledb", "envdump", "size", "sizedata"})
#: Targets that are known to make an image, besides a run without any target.
_BUILDING = frozenset({"buildprog", "upload"})


def install(env: Any) -> None:
    """Adds the hook to a run; ends the run with one line when it cannot work."""
    try:
        _install(env)
    except AcpublishError as fault:
        env.Exit(report(str(fault)))
    except Exception as fault:
        env.Exit(report(describe_fault(fault)))


def _install(env: Any) -> None:
    asked = _targets()
    project = Project.of(env, program_arguments(_arguments(env)) if asked & _OURS else None)
    if project is None:
        return
    compiles = show_headers(env)
    _refuse_wrong_place(env, compiles or "nobuild" in asked)
    # Before anything else is checked, so that the targets are listed whatever the settings are.
    _add_targets(env, project, asked)
    if env.IsIntegrationDump():
        return
    if compiles:
        compile_in(env, project)
    _warn(project)
    _refuse_filesystem_too(asked)
    if not asked & _OURS and (asked & _OTHER_PROGRAM or (asked and asked <= _LOOKING)):
        return
    _tell_requests_when_verbose()
    project = replace(project, secret_values=secret_macros(env, project_environment()))
    env[KEY] = hook = Hook(project=project, source=project.version_source())
    hook.on_build = _publishes_on_build(project, asked)
    certain = hook.on_build and (not asked or bool(asked & _BUILDING))
    if certain or asked & _OURS - {_OTA_STATUS}:
        plan = hook.plan()
        publishing = certain or bool(asked & {_UPLOAD_OTA, _UPLOADFS_OTA})
        refuse_unusable(plan.options.destination, publishing=publishing)
        if certain:
            plan.source.refuse_no_room()
    if compiles and not asked & _OTHER_PROGRAM:
        _stamp_when_built(env, hook)
    if certain:
        _publish_when_built(env)


def _refuse_wrong_place(env: Any, set_up: bool) -> None:
    """Refuses a place from which PlatformIO would drop a target or an action without a word."""
    script: Any = importlib.import_module("SCons.Script")
    # A library's script gets a copy (LibBuilderBase in piolib.py), the project's the program's own.
    if script.DefaultEnvironment() is not env:
        raise SettingsError(
            "the extra script is run by a library, so that images would be neither stamped nor "
            "published by each build",
            hint="Write extra_scripts = post:acpublish_ota.py in platformio.ini instead.",
        )
    if not set_up:
        raise SettingsError(
            "the extra script runs before PlatformIO has set the program up",
            hint="Write extra_scripts = post:acpublish_ota.py in platformio.ini.",
        )
    taken = sorted(_OURS & set(env.get("__PIO_TARGETS", {})))
    if taken:
        raise SettingsError(
            f"another extra script has made the target {taken[0]} already",
            hint="List acpublish's extra script once, and give the other target another name.",
        )


def _refuse_filesystem_too(asked: frozenset[str]) -> None:
    filesystem, firmware = sorted(asked & _FILESYSTEM), sorted(asked & {_UPLOAD_OTA, _OTA_CHECK})
    if filesystem and firmware:
        raise SettingsError(
            f"{firmware[0]} and {filesystem[0]} are asked for in one run, in which PlatformIO "
            "builds no firmware",
            hint=f"Run pio run -t {firmware[0]} and pio run -t {filesystem[0]}, one by one.",
        )


def _add_targets(env: Any, project: Project, asked: frozenset[str]) -> None:
    builds = _UPLOADFS_OTA in asked and not asked & (_FILESYSTEM | {"nobuild"})
    filesystem = filesystem_image(env, project.chip, build=builds)
    for name, needed, action, says, title, description in (
        (
            *(_UPLOAD_OTA, _IMAGE, upload_ota, "Publishing $SOURCE"),
            *("Upload OTA", "Publish the firmware for updates over the air (acpublish)"),
        ),
        (
            *(_UPLOADFS_OTA, filesystem, uploadfs_ota, "Publishing $SOURCE"),
            *("Upload Filesystem OTA", "Build and publish the filesystem image (acpublish)"),
        ),
        (
            *(_OTA_CHECK, _IMAGE, ota_check, "Checking $SOURCE"),
            *("Check OTA", "Make the checks of a publish, and publish nothing (acpublish)"),
        ),
        (
            *(_OTA_STATUS, None, ota_status, "Looking at what is published"),
            *("OTA Status", "Tell which versions are published, on which channels (acpublish)"),
        ),
    ):
        env.AddCustomTarget(
            name, needed, env.VerboseAction(action, says), title=title, description=description
        )


def _stamp_when_built(env: Any, hook: Hook) -> None:
    if hook.source is None:
        return
    # The digest that completes the version of a changed work tree is that of the image itself.
    version = hook.source.version("0" * 64)
    env.Depends(_IMAGE, env.Value(f"{hook.project.product} {version}"))
    # No post-action is run on what comes out of a build cache.
    env.NoCache(_IMAGE)
    env.AddPostAction(_IMAGE, env.VerboseAction(stamp_image, "Stamping $TARGET"))
    # Whatever target an image is made for: it is published, and not only when it is asked for.
    # In every run the image has the same actions, because they are a part of its signature.
    if hook.project.settings.flag("on_build"):
        env.AddPostAction(_IMAGE, env.Action(publish_made, None))


def _publish_when_built(env: Any) -> None:
    # A target of its own: a post-action is not run again after it has failed. It prints what it
    # does itself, because most of its runs do nothing.
    target = env.AlwaysBuild(env.Alias(_ON_BUILD, _IMAGE, env.Action(publish_build, None)))
    env.Default(target)
    # A cable then gets the very bytes that were published.
    env.Depends("buildprog", target)
    env.Depends("upload", target)


def _publishes_on_build(project: Project, asked: frozenset[str]) -> bool:
    if asked & (_OTHER_PROGRAM | _OURS | {"nobuild"}):
        return False
    return project.settings.flag("on_build")


def _warn(project: Project) -> None:
    for warning in project.settings.warnings():
        say(f"acpublish: warning: {warning}", sys.stderr)


def _arguments(env: Any) -> list[str]:
    given = env.get("PROGRAM_ARGS") or []
    return shlex.split(given) if isinstance(given, str) else list(map(str, given))


def _tell_requests_when_verbose() -> None:
    """Tells each request to a server, where ``pio run -v`` shows each command."""
    script: Any = importlib.import_module("SCons.Script")
    if int(script.ARGUMENTS.get("PIOVERBOSE", 0)):
        from acpublish.client.telling import listen

        listen(lambda line: say(f"acpublish: {line}", sys.stderr))


def _targets() -> frozenset[str]:
    script: Any = importlib.import_module("SCons.Script")
    return frozenset(map(str, script.COMMAND_LINE_TARGETS))
