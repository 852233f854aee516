"""What a fault of acpublish itself tells a person: one line, and where it happened when asked."""

from __future__ import annotations

import os
import traceback

__all__ = ["describe_fault"]


def describe_fault(fault: Exception) -> str:
    """Returns a line on an error that is none of ours; its text could hold a secret.

    With ``ACPUBLISH_DEBUG`` set it also prints where that happened.
    """
    if os.environ.get("ACPUBLISH_DEBUG"):
        traceback.print_exception(fault)
    return (
        f"a fault of acpublish itself ({type(fault).__name__}). "
        "Set ACPUBLISH_DEBUG=1 to see where, and report it."
    )
