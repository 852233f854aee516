"""Releases: names, versions, manifests, and the pure rules over them. No I/O."""

from acpublish.release.checks import Finding, Severity, check, raise_errors
from acpublish.release.decision import Decision, Verdict, decide_file, decide_update, newest
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import BoardName, ChannelName, ProductName
from acpublish.release.placement import Placement, place, visible_name
from acpublish.release.submission import IMAGE_KINDS, ImageKind, Outcome, Receipt, Submission
from acpublish.release.version import Version

__all__ = [
    "IMAGE_KINDS",
    "BoardName",
    "ChannelName",
    "Decision",
    "Finding",
    "ImageKind",
    "Outcome",
    "Placement",
    "ProductName",
    "Receipt",
    "Release",
    "ReleaseImage",
    "Severity",
    "Submission",
    "Verdict",
    "Version",
    "check",
    "decide_file",
    "decide_update",
    "newest",
    "place",
    "raise_errors",
    "visible_name",
]
