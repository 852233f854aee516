"""All checks, in the order in which they are made, and the ways to make them.

A check of its own is a :class:`Check` in one of the tuples below: nothing else has to know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from acpublish.errors import CheckError, SettingsError
from acpublish.image import Image
from acpublish.keys import PublicKey
from acpublish.release.checks import board, course, disclosure, identity, signed, sound
from acpublish.release.checks.model import Check, Facts, Finding, Lacks, Result, Severity
from acpublish.release.manifest import Release
from acpublish.release.secrets import SecretFound
from acpublish.release.submission import Submission

__all__ = [
    "CHECKS",
    "check",
    "examine",
    "find_check",
    "findings_of",
    "not_made",
    "raise_errors",
    "run",
]

CHECKS: tuple[Check, ...] = (
    *sound.CHECKS,
    *identity.CHECKS,
    *board.CHECKS,
    *course.CHECKS,
    *disclosure.CHECKS,
    *signed.CHECKS,
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


def check(
    image: Image,
    submission: Submission,
    releases: Iterable[Release],
    trusted_keys: Iterable[PublicKey] | None = None,
    secrets: tuple[SecretFound, ...] | None = None,
) -> tuple[Finding, ...]:
    """Returns all that is to be said against publishing an image; see :func:`examine`."""
    return findings_of(examine(image, submission, releases, trusted_keys, secrets))


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
