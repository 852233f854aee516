"""What the settings are called, here and in each place that they come from."""

from __future__ import annotations

__all__ = ["EXAMPLES", "NAMES", "NOT_IN_INI", "OPTIONS", "SPELLED"]

#: What each setting is called, without ``ACPUBLISH_``, ``custom_ota_`` and ``--``.
NAMES = (
    "to",
    "product",
    "version",
    "board",
    "channel",
    "kind",
    "chip",
    "core",
    "compress",
    "skip_checks",
    "partitions",
    "signing_key",
    "secret_scan",
    "accept_secrets",
    "secret_variables",
    "on_build",
    "insecure_http",
    "token",
)
#: Options of another name: those that may be given more than once.
OPTIONS = {"skip_checks": "--skip-check", "accept_secrets": "--accept-secret"}
SPELLED = {"to": "destination"}
EXAMPLES = {
    "to": "to a directory or a server's address",
    "version": "to a version such as 1.0.0, to git, to file:PATH or to env:NAME",
}
NOT_IN_INI = frozenset({"token", "chip"})
