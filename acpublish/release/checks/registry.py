"""All checks, in the order in which they are made, and the ways to make them.

A check of its own is a :class:`Check` in one of the tuples below: nothing else has to know of it.

Switching checks off: by name, with a reason that the release's manifest keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from acpublish.errors import CheckError, SettingsError
from acpublish.image.model import Image
from acpublish.keys import PublicKey
from acpublish.release.checks import board, course, identity, sound, trust
from acpublish.release.checks.facts import Check, Facts, Finding, Lacks, Result, Severity
from acpublish.release.manifest import Release
from acpublish.release.secrets import SecretFound
from acpublish.release.submission import Submission

__all__ = [
    "CHECKS",
    "MAX_REASON_CHARACTERS",
    "allowed_skips",
    "examine",
    "find_check",
    "findings_of",
    "not_made",
    "parse_skips",
    "raise_errors",
    "run",
]

CHECKS: tuple[Check, ...] = (
    *sound.CHECKS,
    *identity.CHECKS,
    *board.CHECKS,
    *course.CHECKS,
    *trust.CHECKS,
)


def find_check(name: str) -> Check:
    """Returns the check of a name.

    Raises:
        SettingsError: There is none of this name.
    """
    for one in CHECKS:
        if one.name == name:
            return one
    raise SettingsError(
        f"there is no check {name!a}",
        hint=f"There are {', '.join(one.name for one in CHECKS)}.",
    )


def run(facts: Facts) -> tuple[Result, ...]:
    """Makes every check that is about this kind of image.

    Returns:
        One result for each, in order: what it found, or why it was not made.
    """
    results: list[Result] = []
    stopped = ""
    for one in CHECKS:
        if facts.kind not in one.kinds:
            continue
        result = Result(check=one, lacks=stopped) if stopped else _made(one, facts)
        if one.decisive and result.findings:
            stopped = f"an image that passes {one.name}"
        results.append(result)
    return tuple(results)


def findings_of(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Returns all that the checks found."""
    return tuple(finding for result in results for finding in result.findings)


def not_made(results: Iterable[Result]) -> dict[str, str]:
    """Returns the checks that were not made for lack of facts, each with what it lacks."""
    return {one.check.name: one.lacks for one in results if one.lacks and not one.findings}


def examine(
    image: Image,
    submission: Submission,
    releases: Iterable[Release],
    trusted_keys: Iterable[PublicKey] | None = None,
    secrets: tuple[SecretFound, ...] | None = None,
) -> tuple[Result, ...]:
    """Makes every check on an image that is to be published.

    Args:
        image: What :func:`acpublish.image.read` says of the very bytes to be published.
        submission: Where it is to stand.
        releases: The product's releases so far.
        trusted_keys: The keys that the product trusts; None where that is not known.
        secrets: What :func:`acpublish.release.secrets.find_secrets` found in the bytes.
    """
    facts = Facts.of(image, submission, releases, trusted_keys)
    return run(replace(facts, secrets=secrets))


def raise_errors(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Raises the first error among the findings.

    Returns:
        The warnings, one line each, when there is no error.

    Raises:
        CheckError: A finding is an error; the message begins with the check's name.
    """
    warnings = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            raise CheckError(f"{finding.check}: {finding.problem}", hint=finding.hint)
        warnings.append(str(finding))
    return tuple(warnings)


def _made(one: Check, facts: Facts) -> Result:
    reason = _reason(one, facts.skipped)
    if reason:
        return Result(check=one, reason=reason)
    said = tuple(one.judge(facts))
    return Result(
        check=one,
        findings=tuple(each for each in said if isinstance(each, Finding)),
        lacks="; ".join(each.what for each in said if isinstance(each, Lacks)),
    )


def _reason(one: Check, skipped: Mapping[str, str]) -> str:
    return "" if one.protected else skipped.get(one.name, "")


MAX_REASON_CHARACTERS = 200
#: How many are taken from a client, which may be newer and know more checks.
_MAX_SKIPS = 50

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_BETWEEN = re.compile(r"[\n;]+")
_FORM = "Write NAME=REASON, for example dirty=built on the test bench."


def parse_skips(text: str) -> dict[str, str]:
    """Reads what is to be switched off: ``NAME=REASON``, with lines or ``;`` between several.

    Raises:
        SettingsError: There is no such check, it cannot be switched off, or a reason is missing.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        name, _, reason = (piece.strip() for piece in part.partition("="))
        found[find_check(name).name] = reason
    return allowed_skips(found)


def allowed_skips(skips: Mapping[str, str]) -> dict[str, str]:
    """Returns what is to be switched off, after the rules that both sides hold to.

    A name that is not known here is kept: a newer client may have that check.

    Raises:
        SettingsError: One protects devices, so that it cannot be switched off, or has no reason.
    """
    if len(skips) > _MAX_SKIPS:
        raise SettingsError(
            f"more than {_MAX_SKIPS} checks are to be switched off", hint="Name fewer checks."
        )
    protected = {one.name for one in CHECKS if one.protected}
    for name, reason in skips.items():
        if not _NAME.match(name):
            raise SettingsError(f"{name[:40]!a} is no name of a check", hint=_FORM)
        if name in protected:
            raise SettingsError(
                f"the check {name} cannot be switched off",
                hint="No device could run what it refuses; acpublish check --explain "
                f"{name} says more.",
            )
        if not reason:
            raise SettingsError(f"the check {name} is switched off without a reason", hint=_FORM)
        if len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
            raise SettingsError(
                f"the reason for {name} is no line of at most {MAX_REASON_CHARACTERS} characters",
                hint="Give a shorter one; it is kept in the manifest, which is public.",
            )
    return dict(skips)
