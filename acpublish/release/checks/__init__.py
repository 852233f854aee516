"""The pre-flight checks: pure, run before the first byte is sent and again on what was received.

Each check has a name, so that both sides and a script speak of the same thing. One that lacks the
facts it needs says so, instead of passing in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.release.checks.model import Check, Facts, Finding, Lacks, Result, Severity
    from acpublish.release.checks.registry import (
        CHECKS,
        check,
        examine,
        find_check,
        findings_of,
        not_made,
        raise_errors,
        run,
    )
    from acpublish.release.checks.skipping import allowed_skips, parse_skips
else:
    __getattr__ = lazily(
        __name__,
        model="Check Facts Finding Lacks Result Severity",
        registry="CHECKS check examine find_check findings_of not_made raise_errors run",
        skipping="allowed_skips parse_skips",
    )

__all__ = [
    "CHECKS",
    "Check",
    "Facts",
    "Finding",
    "Lacks",
    "Result",
    "Severity",
    "allowed_skips",
    "check",
    "examine",
    "find_check",
    "findings_of",
    "not_made",
    "parse_skips",
    "raise_errors",
    "run",
]
