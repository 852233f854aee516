"""Checks of how an image was built, and how it follows the releases before it."""

from __future__ import annotations

from collections.abc import Iterable

from acpublish.release import names
from acpublish.release.checks.facts import (
    BUILD_TYPE,
    EARLIER_FLASH_MODE,
    WORKING_TREE,
    Check,
    Facts,
    Judgement,
    Lacks,
    Severity,
    error,
    warning,
)
from acpublish.release.decision import choose
from acpublish.release.manifest import Release
from acpublish.release.signatures import admitted
from acpublish.release.version import Version


def _dirty(facts: Facts) -> Judgement:
    if facts.channel is None:
        yield Lacks("the channel")
    elif facts.channel == names.STABLE:
        if facts.declared.changed is None:
            yield Lacks(WORKING_TREE)
        elif facts.declared.changed and not _is_published(facts):
            yield error(
                "dirty",
                f"the working tree has uncommitted changes, and the channel is {names.STABLE}",
                f"Commit them and build again, or publish to another channel such as "
                f"{names.DEVELOPMENT}.",
            )


def _is_published(facts: Facts) -> bool:
    """Returns whether the channel has exactly these bytes: then they contain no changes."""
    return any(
        image.sha256 == facts.image.sha256 and facts.channel in (*image.channels, *image.rolling)
        for _, image in facts.earlier()
    )


def _debug_build(facts: Facts) -> Judgement:
    if facts.declared.debug is None:
        yield Lacks(BUILD_TYPE)
    elif facts.declared.debug:
        yield warning(
            "debug-build",
            "this is a debug build",
            "For devices in the field, build with build_type = release.",
        )


def _version_order(facts: Facts) -> Judgement:
    if facts.version is None or facts.board is None or facts.channel is None:
        yield Lacks("version, board and channel")
        return
    if facts.releases is None:
        yield Lacks("the product's releases so far")
        return
    if _keeps_channel(facts):
        return
    # What no trusted key signed is offered to nobody.
    offered, _ = admitted(facts.releases, facts.trusted_keys or ())
    target = choose(offered, facts.board, facts.channel, facts.kind)
    latest = choose(facts.releases, facts.board, facts.channel, facts.kind)
    newest, version = target.release.version if target else None, facts.version
    if latest is not None and latest.release.version != newest:
        yield from _below_withheld(facts, version, latest.release.version)
    newest = max(
        filter(None, (newest, _rolling(facts, offered))),
        key=lambda other: other.precedence,
        default=None,
    )
    if newest is None:
        return
    if version.precedence > newest.precedence:
        return
    problem = f"{version} is not higher than {newest}, the newest on {facts.channel}"
    if version.precedence < newest.precedence and facts.channel != names.DEVELOPMENT:
        yield error(
            "version-order",
            problem,
            f"Raise the version, or use another channel, as for a backport: devices that run "
            f"{newest} are not offered this one. To move {facts.channel} back anyway, add "
            "--skip-check version-order=REASON (in PlatformIO: custom_ota_skip_checks).",
        )
    elif version.precedence < newest.precedence:
        yield warning(
            "version-order",
            problem,
            "Devices that run the higher version are not offered this one.",
        )
    elif facts.channel != names.DEVELOPMENT:
        # Builds of one commit with different changes differ only in their build metadata, and in
        # some schemes that is a fourth number: it orders nothing, so it cannot be an error.
        yield warning(
            "version-order",
            problem,
            "By SemVer, the part after + does not count: devices get whichever was published last.",
        )


def _rolling(facts: Facts, offered: Iterable[Release]) -> Version | None:
    """Returns the release that is on its way to the channel in stages."""
    images = [(release, release.image_for(facts.board or "", facts.kind)) for release in offered]
    rolling = (
        release.version for release, image in images if image and facts.channel in image.rolling
    )
    return next(rolling, None)


def _below_withheld(facts: Facts, version: Version, withheld: Version) -> Judgement:
    if version.precedence < withheld.precedence:
        yield warning(
            "version-order",
            f"{version} is lower than {withheld}, which {facts.channel} points at, but which is "
            "withheld, because no key that the product trusts signed it",
            f"Devices that run {withheld} are not offered this one. To sign that release: "
            f"acpublish key resign --product {facts.product}",
        )


def _keeps_channel(facts: Facts) -> bool:
    """Returns whether the channel stays where it is, because the version is taken already.

    The same bytes on the same channel change nothing, and different bytes are a conflict.
    """
    return any(
        release.version == facts.version
        and (
            image.sha256 != facts.image.sha256
            or facts.channel in (*image.channels, *image.rolling, *image.left_channels)
        )
        for release, image in facts.earlier()
    )


def _channel(facts: Facts) -> Judgement:
    if facts.product is None or facts.board is None or facts.channel is None:
        yield Lacks("product, board and channel")
        return
    asked = names.channels_asked(facts.update_paths, facts.product, facts.board)
    if asked and facts.channel not in asked:
        yield warning(
            "channel",
            f"this goes to {facts.channel}, but the firmware asks for updates on "
            f"{' and '.join(sorted(asked))}",
            f"Set custom_ota_channel = {facts.channel} and build again, if it is to stay on "
            f"{facts.channel}.",
        )


def _flash_mode(facts: Facts) -> Judgement:
    if not facts.gzip:
        return
    mode = facts.image.flash_mode
    for release, image in facts.before():
        if image.flash_mode is None:
            continue
        if image.flash_mode != mode:
            yield warning(
                "flash-mode",
                f"the gzip contains an image for flash mode {mode}, but {facts.product} "
                f"{release.version} was for {image.flash_mode}",
                "A device does not correct the flash mode inside a gzip and may fail to boot: "
                "build with the earlier mode, or publish the plain image.",
            )
        return
    yield Lacks(EARLIER_FLASH_MODE)


CHECKS = (
    Check(
        name="dirty",
        severity=Severity.ERROR,
        explanation="The working tree has no uncommitted changes when the channel is stable. "
        "Otherwise the build could not be reproduced. This check needs the state of the working "
        "tree, from git and the PlatformIO project.",
        judge=_dirty,
    ),
    Check(
        name="debug-build",
        severity=Severity.WARNING,
        explanation="This is not a debug build, which would be larger and slower. This check needs "
        "the type of the build, which PlatformIO knows.",
        judge=_debug_build,
        kinds=("firmware",),
    ),
    Check(
        name="version-order",
        severity=Severity.ERROR,
        explanation="The version is higher than the newest on the channel, for the board. A device "
        "is not offered a lower one than it runs, and a new device would get the old release. On "
        "dev, where builds of several branches meet, and for versions that differ only after "
        "the +, it is a warning. Publishing again what the channel already has moves nothing, and "
        "is always accepted. A release that is withheld, because no trusted key signed it, counts "
        "as a warning only. Publish a backport to its own channel. This check needs version, "
        "board, channel and the releases so far.",
        judge=_version_order,
    ),
    Check(
        name="channel",
        severity=Severity.WARNING,
        explanation="The firmware asks for its updates on the channel that it is published on. "
        "Otherwise a device that gets it from there asks on another channel from then on. This "
        "check needs product, board and channel, and sees only a path that is a literal in the "
        "sketch, as ACPUBLISH_UPDATE_PATH is.",
        judge=_channel,
        kinds=("firmware",),
    ),
    Check(
        name="flash-mode",
        severity=Severity.WARNING,
        explanation="An image that is also published as a gzip has the flash mode of the board's "
        "last release. A device corrects the mode of a plain image while writing it, but not that "
        "of a gzip. This check needs an earlier release.",
        judge=_flash_mode,
        kinds=("firmware",),
    ),
)
