"""Checks of how an image came about, and of how it follows the releases before it."""

from __future__ import annotations

from acpublish.release import names
from acpublish.release.checks.facts import Check, Facts, Judgement, Lacks, Severity, error, warning
from acpublish.release.decision import choose

__all__ = ["CHECKS"]


def _dirty(facts: Facts) -> Judgement:
    if facts.channel is None:
        yield Lacks("the channel")
    elif facts.channel == names.STABLE:
        if facts.declared.changed is None:
            yield Lacks("whether the work tree has changes")
        elif facts.declared.changed and not _is_there(facts):
            yield error(
                "dirty",
                "the work tree has changes that are not committed, and the channel is "
                f"{names.STABLE}",
                f"Commit them and build again, or publish on another channel such as "
                f"{names.DEVELOPMENT}.",
            )


def _is_there(facts: Facts) -> bool:
    """Whether the channel has these very bytes: then the changes are in no part of them."""
    return any(
        image.sha256 == facts.image.sha256 and facts.channel in image.channels
        for _, image in facts.earlier()
    )


def _debug_build(facts: Facts) -> Judgement:
    if facts.declared.debug is None:
        yield Lacks("the type of the build")
    elif facts.declared.debug:
        yield warning(
            "debug-build",
            "this is a debug build",
            "Build it with build_type = release for devices in the field.",
        )


def _version_order(facts: Facts) -> Judgement:
    if facts.version is None or facts.board is None or facts.channel is None:
        yield Lacks("version, board and channel")
        return
    if facts.releases is None:
        yield Lacks("the product's releases so far")
        return
    target = choose(facts.releases, facts.board, facts.channel, facts.kind)
    if target is None or target.release.version == facts.version:
        return
    held, version = target.release.version, facts.version
    # Builds of one commit with other changes differ in their build metadata, which orders nothing.
    if version.precedence == held.precedence and facts.channel == names.DEVELOPMENT:
        return
    if version.precedence <= held.precedence:
        yield warning(
            "version-order",
            f"{version} is not higher than {held}, the newest on {facts.channel}",
            "Devices that run the higher one are not offered it; a channel of its own suits a "
            "backport.",
        )


def _flash_mode(facts: Facts) -> Judgement:
    if not facts.gzip:
        return
    mode = facts.image.flash_mode
    for release, image in facts.earlier():
        if image.flash_mode is None:
            continue
        if image.flash_mode != mode:
            yield warning(
                "flash-mode",
                f"the gzip holds an image for flash mode {mode}, {facts.product} "
                f"{release.version} was for {image.flash_mode}",
                "A device does not mend the mode of a gzip and may not start: build with the "
                "earlier mode, or publish the plain image.",
            )
        return
    yield Lacks("an earlier release with a flash mode")


CHECKS = (
    Check(
        name="dirty",
        severity=Severity.ERROR,
        explanation="The work tree has no changes that are not committed when the channel is "
        "stable. What was built could not be built again. It needs the state of the work tree, "
        "which git and PlatformIO's project tell.",
        judge=_dirty,
    ),
    Check(
        name="debug-build",
        severity=Severity.WARNING,
        explanation="This is no debug build, which is larger and slower. It needs the type of the "
        "build, which PlatformIO knows.",
        judge=_debug_build,
        kinds=("firmware",),
    ),
    Check(
        name="version-order",
        severity=Severity.WARNING,
        explanation="The version is higher than the newest on the channel. A device is not offered "
        "a lower one than it runs. Backports are good reasons to publish one all the same. It "
        "needs version, board, channel and the releases so far.",
        judge=_version_order,
    ),
    Check(
        name="flash-mode",
        severity=Severity.WARNING,
        explanation="An image that is also published as a gzip has the flash mode of the board's "
        "last release. A device mends the mode of a plain image while it writes it, but not that "
        "of a gzip. It needs an earlier release.",
        judge=_flash_mode,
        kinds=("firmware",),
    ),
)
