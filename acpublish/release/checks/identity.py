"""Checks of what an image says about itself: its chip and its stamp."""

from __future__ import annotations

from acpublish.release.checks.facts import (
    BOARD_CHIP,
    Check,
    Facts,
    Judgement,
    Lacks,
    Severity,
    error,
    warning,
)


def _chip(facts: Facts) -> Judgement:
    image = facts.image
    if image.chip is None:
        yield Lacks("the image's chip, which its header does not show")
        return
    if facts.chip and facts.chip != image.chip:
        board = f"the board {facts.board}" if facts.board else "the board"
        yield error(
            "chip",
            f"the image is for {image.chip}, but {board} has {facts.chip}",
            "Use the image for this board, or publish for the board that has this chip.",
        )
        return
    earlier = [(release, other.chip) for release, other in facts.earlier() if other.chip]
    for release, chip in earlier:
        if chip != image.chip:
            yield error(
                "chip",
                f"the image is for {image.chip}, but {facts.product} {release.version} for "
                f"board {facts.board} is for {chip}",
                "Use the image for this chip, or publish under another board name.",
            )
            return
    if not facts.chip and not earlier:
        yield Lacks(BOARD_CHIP)


def _stamp(facts: Facts) -> Judgement:
    if facts.wanted_stamp is None:
        yield Lacks("product and version")
    elif facts.image.stampable and facts.image.stamp != facts.wanted_stamp:
        stamp = facts.image.stamp
        stamped = f"{stamp.product} {stamp.version}" if stamp else "nothing"
        yield error(
            "stamp",
            f"the image's stamp says {stamped}, not {facts.product} {facts.version}",
            "Publish with acpublish publish, which stamps the image, or use acpublish stamp.",
        )


def _unstamped(facts: Facts) -> Judgement:
    if not facts.image.stampable:
        yield warning(
            "unstamped",
            "the image has no place for a stamp, so its digest alone identifies it",
            "Build it with acpublish's extra script, which adds a stamp record.",
        )


CHECKS = (
    Check(
        name="chip",
        severity=Severity.ERROR,
        explanation="The image is built for the chip of the board, and for the same chip as the "
        "product's earlier releases for that board. This check needs the board's chip (--chip; "
        "PlatformIO knows it) or an earlier release.",
        judge=_chip,
        kinds=("firmware",),
    ),
    Check(
        name="stamp",
        severity=Severity.ERROR,
        explanation="The product and version in the image are those that it is published under. "
        "Otherwise the firmware would report wrong ones. This check needs product and version.",
        judge=_stamp,
        kinds=("firmware",),
    ),
    Check(
        name="unstamped",
        severity=Severity.WARNING,
        explanation="The image has a place for a stamp. Without one, only its digest tells what "
        "a device runs.",
        judge=_unstamped,
        kinds=("firmware",),
    ),
)
