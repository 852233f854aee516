"""The names of the settings, here and in each source, and their defaults."""

from __future__ import annotations

#: The names of the settings, without ``ACPUBLISH_``, ``custom_ota_`` and ``--``.
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
    "no_downgrade_below",
    "requires",
    "by",
    "skip_checks",
    "partitions",
    "signing_key",
    "secret_scan",
    "accept_secrets",
    "secret_variables",
    "on_build",
    "insecure_http",
    "ca",
    "token_file",
    "token",
)
#: The values of settings that no layer sets.
DEFAULTS = {
    "kind": "firmware",
    "compress": "no",
    "secret_scan": "warning",
    "on_build": "no",
    "insecure_http": "no",
}
#: Settings that are yes or no.
SWITCHES = frozenset({"compress", "on_build", "insecure_http"})
#: Settings that may have several values, and the separator between them.
LISTS = {"skip_checks": "\n", "accept_secrets": " ", "secret_variables": " "}
#: Options with a different name, because they can be repeated.
OPTIONS = {"skip_checks": "--skip-check", "accept_secrets": "--accept-secret"}
SPELLED = {"to": "destination"}
EXAMPLES = {
    "to": "to a directory or the URL of a server",
    "version": "to a version such as 1.0.0, to git, to file:PATH or to env:NAME",
}
#: Settings that usually differ between the environments of a project.
PER_ENVIRONMENT = frozenset({"board", "to", "version"})
NOT_IN_INI = frozenset({"token", "chip"})


def nearest(name: str, prefix: str = "") -> str:
    """Returns a hint that names the most similar setting, or shows how to list all of them."""
    # It is needed only after a mistake, and a build should not pay for loading it.
    import difflib

    matches = difflib.get_close_matches(name.replace("-", "_").lower(), NAMES, n=1)
    if matches:
        return f"Write {prefix}{matches[0]}, if that is what you mean."
    return "List all settings with acpublish config."
