"""Sets the hook up: what each run of PlatformIO is asked for, and so what is added to it."""

from __future__ import annotations

import importlib
import shlex
import sys
from dataclasses import replace
from typing import Any

from acpublish.errors import AcpublishError, SettingsError
from acpublish.pio.actions import publish_build, publish_made, stamp_image
from acpublish.pio.board import filesystem_image
from acpublish.pio.compiled import compile_in, project_environment, show_headers
from acpublish.pio.project import Project
from acpublish.pio.provenance import secret_macros
from acpublish.pio.request import IMAGE, OURS, Asked, add_targets, program_arguments
from acpublish.pio.run_state import KEY, Hook, report, say
from acpublish.publishing.destinations import refuse_unusable
from acpublish.unexpected import describe_fault

__all__ = ["install"]

_ON_BUILD = "acpublish_on_build"


def install(env: Any) -> None:
    """Adds the hook to a run; ends the run with one line when it cannot work."""
    try:
        _install(env)
    except AcpublishError as fault:
        env.Exit(report(str(fault)))
    except Exception as fault:
        env.Exit(report(describe_fault(fault)))


def _install(env: Any) -> None:
    asked = _asked()
    project = Project.of(env, program_arguments(_arguments(env)) if asked.ours else None)
    if project is None:
        return
    compiles = show_headers(env)
    _refuse_wrong_place(env, compiles or asked.builds_nothing)
    # Before anything else is checked, so that the targets are listed whatever the settings are.
    add_targets(env, filesystem_image(env, project.chip, build=asked.builds_filesystem))
    if env.IsIntegrationDump():
        return
    if compiles:
        compile_in(env, project)
    _warn(project)
    _refuse_conflict(asked)
    if asked.is_none_of_ours:
        return
    _tell_requests_when_verbose()
    project = replace(project, secret_values=secret_macros(env, project_environment()))
    env[KEY] = hook = Hook(project=project, source=project.version_source())
    hook.on_build = asked.may_publish_on_build and project.settings.flag("on_build")
    publishes_build = hook.on_build and asked.builds
    if publishes_build or asked.plans:
        _refuse_before_the_build(hook, publishes_build, asked)
    if compiles and not asked.of_other_program:
        _stamp_when_built(env, hook)
    if publishes_build:
        _publish_when_built(env)


def _refuse_before_the_build(hook: Hook, publishes_build: bool, asked: Asked) -> None:
    plan = hook.plan()
    refuse_unusable(plan.options.destination, publishing=publishes_build or asked.publishes)
    if publishes_build:
        plan.source.refuse_no_room()


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
    taken = sorted(OURS & set(env.get("__PIO_TARGETS", {})))
    if taken:
        raise SettingsError(
            f"another extra script has made the target {taken[0]} already",
            hint="List acpublish's extra script once, and give the other target another name.",
        )


def _refuse_conflict(asked: Asked) -> None:
    if asked.in_conflict:
        firmware, filesystem = asked.in_conflict
        raise SettingsError(
            f"{firmware} and {filesystem} are asked for in one run, in which PlatformIO "
            "builds no firmware",
            hint=f"Run pio run -t {firmware} and pio run -t {filesystem}, one by one.",
        )


def _stamp_when_built(env: Any, hook: Hook) -> None:
    if hook.source is None:
        return
    # The digest that completes the version of a changed work tree is that of the image itself.
    version = hook.source.version("0" * 64)
    env.Depends(IMAGE, env.Value(f"{hook.project.product} {version}"))
    # No post-action is run on what comes out of a build cache.
    env.NoCache(IMAGE)
    env.AddPostAction(IMAGE, env.VerboseAction(stamp_image, "Stamping $TARGET"))
    # Whatever target an image is made for: it is published, and not only when it is asked for.
    # In every run the image has the same actions, because they are a part of its signature.
    if hook.project.settings.flag("on_build"):
        env.AddPostAction(IMAGE, env.Action(publish_made, None))


def _publish_when_built(env: Any) -> None:
    # A target of its own: a post-action is not run again after it has failed. It prints what it
    # does itself, because most of its runs do nothing.
    target = env.AlwaysBuild(env.Alias(_ON_BUILD, IMAGE, env.Action(publish_build, None)))
    env.Default(target)
    # A cable then gets the very bytes that were published.
    env.Depends("buildprog", target)
    env.Depends("upload", target)


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
        from acpublish.publishing.destinations import trace_requests

        trace_requests(lambda line: say(f"acpublish: {line}", sys.stderr))


def _asked() -> Asked:
    script: Any = importlib.import_module("SCons.Script")
    return Asked(frozenset(map(str, script.COMMAND_LINE_TARGETS)))
