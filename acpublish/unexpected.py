"""The one line that a person sees for an internal error, and its traceback on request."""

from __future__ import annotations

import os
import traceback


def describe_fault(error: BaseException) -> str:
    """Returns a line on an error outside acpublish's tree, without its message.

    The message could contain a secret. If ``ACPUBLISH_DEBUG`` is set, the traceback is printed too.
    """
    if os.environ.get("ACPUBLISH_DEBUG"):
        traceback.print_exception(error)
    return (
        f"internal error in acpublish ({type(error).__name__}). "
        "Set ACPUBLISH_DEBUG=1 to see where it happened, and report it."
    )
