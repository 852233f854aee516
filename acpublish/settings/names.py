"""What the settings are called, here and in each place that they come from."""

from __future__ import annotations

__all__ = [
    "DEFAULTS",
    "EXAMPLES",
    "LISTS",
    "NAMES",
    "NOT_IN_INI",
    "OPTIONS",
    "PER_ENVIRONMENT",
    "SPELLED",
    "SWITCHES",
    "nearest",
]

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
    "token_file",
    "token",
)
#: What is taken where no layer has a setting.
DEFAULTS = {
    "kind": "firmware",
    "compress": "no",
    "secret_scan": "warning",
    "on_build": "no",
    "insecure_http": "no",
}
#: Those that are a yes or a no.
SWITCHES = frozenset({"compress", "on_build", "insecure_http"})
#: Those that may hold several texts, and what stands between these.
LISTS = {"skip_checks": "\n", "accept_secrets": " ", "secret_variables": " "}
#: Options of another name: those that may be given more than once.
OPTIONS = {"skip_checks": "--skip-check", "accept_secrets": "--accept-secret"}
SPELLED = {"to": "destination"}
EXAMPLES = {
    "to": "to a directory or a server's address",
    "version": "to a version such as 1.0.0, to git, to file:PATH or to env:NAME",
}
#: What environments of a project differ in more often than not.
PER_ENVIRONMENT = frozenset({"board", "to", "version"})
NOT_IN_INI = frozenset({"token", "chip"})


def nearest(name: str, prefix: str = "") -> str:
    """Returns a sentence on the setting that was meant, or on where all of them are."""
    # It is needed only where something is wrong, and costs each build its loading.
    import difflib

    found = difflib.get_close_matches(name.replace("-", "_").lower(), NAMES, n=1)
    if found:
        return f"Write {prefix}{found[0]}, if that is what you mean."
    return "acpublish config shows all settings."
