"""Checks of what an image says of itself: its chip and its stamp."""

from __future__ import annotations

from acpublish.release.checks.facts import Check, Facts, Judgement, Lacks, Severity, error, warning

__all__ = ["CHECKS"]


def _chip(facts: Facts) -> Judgement:
    image = facts.image
    if image.chip is None:
        yield Lacks("the image's chip, which it does not tell")
        return
    if facts.chip and facts.chip != image.chip:
        board = f"the board {facts.board}" if facts.board else "the board"
        yield error(
            "chip",
            f"the image is for {image.chip}, {board} has {facts.chip}",
            "Choose the image or the board that fits.",
        )
        return
    earlier = [(release, one.chip) for release, one in facts.earlier() if one.chip]
    for release, chip in earlier:
        if chip != image.chip:
            yield error(
                "chip",
                f"the image is for {image.chip}, but {facts.product} {release.version} for "
                f"board {facts.board} is for {chip}",
                "Choose the image that fits, or publish under another board name.",
            )
            return
    if not facts.chip and not earlier:
        yield Lacks("the board's chip, or an earlier release for the board")


def _stamp(facts: Facts) -> Judgement:
    if facts.wanted_stamp is None:
        yield Lacks("product and version")
    elif facts.image.stampable and facts.image.stamp != facts.wanted_stamp:
        stamp = facts.image.stamp
        held = f"{stamp.product} {stamp.version}" if stamp else "nothing"
        yield error(
            "stamp",
            f"the image's stamp says {held}, not {facts.product} {facts.version}",
            "Publish with acpublish publish, which stamps, or use acpublish stamp.",
        )


def _unstamped(facts: Facts) -> Judgement:
    if not facts.image.stampable:
        yield warning(
            "unstamped",
            "the image has no place for a stamp, so its digest alone identifies it",
            "Build it with acpublish's extra script, which links a stamp record in.",
        )


CHECKS = (
    Check(
        name="chip",
        severity=Severity.ERROR,
        explanation="The image is made for the chip of the board, and for the same chip as the "
        "product's earlier releases for that board. It needs the board's chip (--chip; PlatformIO "
        "knows it) or an earlier release.",
        judge=_chip,
        kinds=("firmware",),
    ),
    Check(
        name="stamp",
        severity=Severity.ERROR,
        explanation="The product and version that stand in the image are those that it is "
        "published under. What the firmware says of itself would otherwise be wrong. It needs "
        "product and version.",
        judge=_stamp,
        kinds=("firmware",),
    ),
    Check(
        name="unstamped",
        severity=Severity.WARNING,
        explanation="The image has a place for a stamp. Without one only its digest tells what a "
        "device runs.",
        judge=_unstamped,
        kinds=("firmware",),
    ),
)
