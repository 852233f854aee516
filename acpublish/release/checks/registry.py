"""All checks in the order in which they run, running them, and switching some of them off.

A new check is one more :class:`Check` in a tuple of its module: nothing else has to know it. A
check is switched off by its name, with a reason that the release's manifest keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from acpublish.errors import CheckError, SettingsError
from acpublish.image.model import Image
from acpublish.keys import PublicKey
from acpublish.release.checks import board, build, identity, integrity, trust
from acpublish.release.checks.facts import Check, Facts, Finding, Lacks, Result, Severity
from acpublish.release.manifest import Release
from acpublish.release.secret_search import SecretFound
from acpublish.release.submission import Submission

CHECKS: tuple[Check, ...] = (
    *integrity.CHECKS,
    *identity.CHECKS,
    *board.CHECKS,
    *build.CHECKS,
    *trust.CHECKS,
)


def find_check(name: str, *, skipping: bool = False) -> Check:
    """Returns the check of a name.

    Args:
        name: The name.
        skipping: Whether it is to be switched off, so that the error offers no protected check.

    Raises:
        SettingsError: There is no check of this name.
    """
    for check in CHECKS:
        if check.name == name:
            return check
    offered = [check.name for check in CHECKS if not (skipping and check.protected)]
    raise SettingsError(
        f"there is no check {name!r}",
        hint=f"Use one of: {', '.join(offered)}.",
    )


def run(facts: Facts) -> tuple[Result, ...]:
    """Runs every check that applies to this kind of image.

    Returns:
        One result for each, in order: what it found, or why it was not run.
    """
    results: list[Result] = []
    stopped = ""
    for check in CHECKS:
        if facts.kind not in check.kinds:
            continue
        result = Result(check=check, lacks=stopped) if stopped else _result(check, facts)
        if check.decisive and result.findings:
            stopped = f"an image that passes {check.name}"
        results.append(result)
    return tuple(results)


def findings_of(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Returns everything that the checks found."""
    return tuple(finding for result in results for finding in result.findings)


def not_run(results: Iterable[Result]) -> dict[str, str]:
    """Returns the checks that were not run, each with the information that it lacks."""
    return {
        result.check.name: result.lacks
        for result in results
        if result.lacks and not result.findings
    }


def examine(
    image: Image,
    submission: Submission,
    releases: Iterable[Release],
    trusted_keys: Iterable[PublicKey] | None = None,
    secrets: tuple[SecretFound, ...] | None = None,
    gzip_bytes: int | None = None,
    update_paths: frozenset[str] = frozenset(),
) -> tuple[Result, ...]:
    """Runs every check on an image that is to be published.

    Args:
        image: What :func:`acpublish.image.reader.read` says about the exact bytes to publish.
        submission: What they are published as.
        releases: The product's releases so far.
        trusted_keys: The keys that the product trusts; None if that is not known.
        secrets: What :func:`acpublish.release.secret_search.find_secrets` found in the bytes.
        gzip_bytes: The size of the gzip that is published as well, None if there is none.
        update_paths: The paths of updates that the bytes contain.
    """
    facts = Facts.of(image, submission, releases, trusted_keys)
    facts = replace(facts, secrets=secrets, gzip_bytes=gzip_bytes, update_paths=update_paths)
    return run(facts)


def raise_errors(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Raises the first error among the findings.

    Returns:
        The warnings, one line each, if there is no error.

    Raises:
        CheckError: A finding is an error.
    """
    warnings = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            problem = f"{finding.check}: {finding.problem}"
            raise CheckError(problem, hint=finding.hint, check=finding.check)
        warnings.append(str(finding))
    return tuple(warnings)


def _result(check: Check, facts: Facts) -> Result:
    reason = "" if check.protected else facts.skipped.get(check.name, "")
    if reason:
        return Result(check=check, reason=reason)
    judgement = tuple(check.judge(facts))
    return Result(
        check=check,
        findings=tuple(entry for entry in judgement if isinstance(entry, Finding)),
        lacks="; ".join(entry.what for entry in judgement if isinstance(entry, Lacks)),
    )


MAX_REASON_CHARACTERS = 200
#: How many are accepted from a client, which may be newer and know more checks.
_MAX_SKIPS = 50

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_BETWEEN = re.compile(r"[\n;]+")
_FORM = "Use NAME=REASON, for example dirty=built on the test bench."


def parse_skips(text: str) -> dict[str, str]:
    """Reads which checks to switch off: ``NAME=REASON``, separated by lines or ``;``.

    Raises:
        SettingsError: There is no such check, it cannot be switched off, or a reason is missing.
    """
    skips: dict[str, str] = {}
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        name, _, reason = (piece.strip() for piece in part.partition("="))
        skips[find_check(name, skipping=True).name] = reason
    return allowed_skips(skips)


def allowed_skips(skips: Mapping[str, str]) -> dict[str, str]:
    """Returns which checks to switch off, by the rules of both sides.

    An unknown name is kept: a newer client may have that check.

    Raises:
        SettingsError: A check protects devices and cannot be switched off, or has no reason.
    """
    if len(skips) > _MAX_SKIPS:
        raise SettingsError(
            f"more than {_MAX_SKIPS} checks are switched off", hint="Switch off fewer checks."
        )
    protected = {check.name for check in CHECKS if check.protected}
    for name, reason in skips.items():
        if not _NAME.match(name):
            raise SettingsError(f"{name[:40]!r} is not the name of a check", hint=_FORM)
        if name in protected:
            raise SettingsError(
                f"the check {name} cannot be switched off",
                hint=f"It protects devices; see acpublish check --explain {name}.",
            )
        if not reason:
            raise SettingsError(f"the check {name} is switched off without a reason", hint=_FORM)
        if len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
            raise SettingsError(
                f"the reason for {name} is not a single line of at most {MAX_REASON_CHARACTERS} "
                "characters",
                hint="Use a shorter one; it is kept in the manifest, which is public.",
            )
    return dict(skips)
