"""What keeps a file from being published, and what helps: a reason to skip a check, or a signature.

What the commands have options for must not be a dead end for who has a browser alone. Only a
signature cannot be made here, because the private key is not on the server.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from acpublish.image.model import Image, Kind
from acpublish.release import names
from acpublish.release.checks.facts import Finding, Severity
from acpublish.release.checks.integrity import CHECKS as INTEGRITY
from acpublish.release.checks.registry import CHECKS, allowed_skips

#: The checks that can be skipped, in their order.
_SKIPPABLE = tuple(check.name for check in CHECKS if not check.protected)

#: The checks that look at nothing but the file, and cannot be skipped.
_OF_THE_FILE = frozenset(check.name for check in INTEGRITY)


def field_of(file_id: str, check: str) -> str:
    """Returns the name of the field with the reason to skip a check of a file."""
    return f"skip.{file_id}.{check}"


def typed_skips(form: Mapping[str, str], file_id: str, before: Mapping[str, str]) -> dict[str, str]:
    """Returns which checks of a file are to be skipped, each with the reason.

    Args:
        form: The fields that were sent; without that of a check, it stays as it was.
        file_id: The file.
        before: What was typed before.
    """
    reasons = {
        name: form.get(field_of(file_id, name), before.get(name, "")).strip() for name in _SKIPPABLE
    }
    return {name: reason for name, reason in reasons.items() if reason}


def need_reason(name: str, reason: str) -> None:
    """Makes sure that a reason to skip a check is one.

    Raises:
        SettingsError: It is not.
    """
    allowed_skips({name: reason})


def skippable(findings: Iterable[Finding], skipped: Mapping[str, str]) -> list[str]:
    """Returns the checks for which a reason can be typed: those that refuse, or are skipped.

    Args:
        findings: What the checks found.
        skipped: The checks that are skipped.
    """
    refusing = {finding.check for finding in findings if finding.severity is Severity.ERROR}
    return [name for name in _SKIPPABLE if name in refusing or name in skipped]


def is_hopeless(findings: Iterable[Finding], image: Image) -> bool:
    """Returns whether a file is refused for what it is, whatever is typed.

    Args:
        findings: What the checks found.
        image: What the file is.
    """
    refusing = {finding.check for finding in findings if finding.severity is Severity.ERROR}
    # A signed image that cannot be stamped any more may be published as what its stamp says.
    if image.kind is Kind.SIGNED and image.stampable:
        refusing.discard("wrong-kind")
    return bool(refusing & _OF_THE_FILE)


def signing_command(destination: str, file: str, values: Mapping[str, str], channel: str) -> str:
    """Returns the command that publishes a file with a signature, for the machine with the key.

    Args:
        destination: The options that lead to this server.
        file: The name of the file.
        values: What was typed of product, version and board.
        channel: The channel.
    """
    # What begins with a minus would be an option.
    words = ["acpublish", "publish", f"./{file}" if file.startswith("-") else file]
    for name, value in values.items():
        if value:
            words += [f"--{name}", value]
    if channel != names.STABLE:
        words += ["--channel", channel]
    return f"{shlex.join(words)} --key PEM {destination}"
