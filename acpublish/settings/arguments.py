"""What to publish where, from the arguments of a function instead of settings.

Each argument is checked as the setting of its name is; an error names the argument.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from acpublish.errors import AcpublishError, SettingsError
from acpublish.input_files import ca_file, expanded
from acpublish.keyfiles import KeySource, is_pem, private_key
from acpublish.keys import PrivateKey
from acpublish.publishing.options import Destination, PublishOptions
from acpublish.release import names
from acpublish.release.checks.registry import allowed_skips, find_check
from acpublish.release.gzip_choice import core as core_version
from acpublish.release.requires import Requirement
from acpublish.release.secrets import SecretRules, parse_accepted
from acpublish.release.text import name_of_person
from acpublish.release.version import Version
from acpublish.settings import validators
from acpublish.settings.setting_names import EXAMPLES, SPELLED

_Value = TypeVar("_Value")


def publish_options(
    *,
    to: str | Path,
    product: str,
    version: str,
    board: str,
    channel: str | None,
    kind: str,
    chip: str | None,
    core: str | None,
    compress: bool,
    no_downgrade_below: str | None,
    requires: str | None,
    by: str,
    token: str | None,
    insecure_http: bool,
    ca: str | Path | None,
    signing_key: KeySource | None,
    partitions: str | Path | None,
    skip_checks: Mapping[str, str],
    secret_scan: str | None,
    accept_secrets: str | Iterable[str],
    provenance: Mapping[str, str],
) -> PublishOptions:
    """Returns what is to be published where; the arguments are those of `acpublish.publish`.

    Raises:
        AcpublishError: One of them is missing or invalid; the message names it.
    """
    scan = _checked("secret_scan", secret_scan, validators.secret_scan) or "warning"
    built_with = _checked("core", core, core_version)
    return PublishOptions(
        destination=destination(to, token, ca, insecure_http=insecure_http),
        product=_required("product", product, names.product),
        version_source=_required("version", version, validators.version_source),
        board=_required("board", board, names.board),
        channel=_checked("channel", channel, names.channel),
        kind=_required("kind", kind, validators.kind),
        chip=_checked("chip", chip, validators.chip),
        signing_key=_signing_key(signing_key),
        provenance={**provenance, **({"core": built_with} if built_with else {})},
        compress=compress,
        no_downgrade_below=_checked("no_downgrade_below", no_downgrade_below, Version.parse),
        requires=_checked("requires", requires, Requirement.checked),
        by=_checked("by", by, name_of_person) or "",
        partitions=_checked("partitions", partitions, expanded),
        skipped_checks=_skipped_checks(skip_checks, scan),
        secrets=SecretRules(
            severity="error" if scan == "error" else "warning",
            accepted=_accepted(accept_secrets),
        ),
    )


def destination(
    to: str | Path, token: str | None, ca: str | Path | None, *, insecure_http: bool
) -> Destination:
    """Returns where to publish, or what to look at; the arguments are those of `acpublish.publish`.

    Raises:
        SettingsError: One of them is missing or invalid; the message names it.
    """
    address = _required("to", to, validators.address)
    given = Destination(
        to=address,
        token=_checked("token", token, str),
        insecure_http=insecure_http,
        ca=_checked("ca", ca, lambda text: ca_file(expanded(text))),
    )
    return given if given.is_server else Destination.of_directory(expanded(address), os.environ)


def _signing_key(source: KeySource | None) -> Path | PrivateKey | None:
    if source is None:
        return None
    if is_pem(source):
        return _named("signing_key", lambda: private_key(source))
    return _checked("signing_key", source, lambda text: validators.key_file(expanded(text)))


def _skipped_checks(reasons: Mapping[str, str], scan: str) -> dict[str, str]:
    def skipped() -> dict[str, str]:
        if not isinstance(reasons, Mapping):
            raise SettingsError(
                "it is not a dictionary", hint='Use {"NAME": "REASON"}, the name of each check.'
            )
        known = {
            find_check(name.strip(), skipping=True).name: reason for name, reason in reasons.items()
        }
        return allowed_skips({name: _stripped(reason) for name, reason in known.items()})

    checks = _named("skip_checks", skipped)
    if scan == "off":
        # Not searching is a check that was not run, and the manifest says so.
        checks.setdefault("secrets", validators.SCAN_OFF)
    return checks


def _accepted(digests: str | Iterable[str]) -> tuple[str, ...]:
    # A string is an iterable as well, of its characters.
    text = digests if isinstance(digests, str) else " ".join(map(str, digests))
    return _named("accept_secrets", lambda: parse_accepted(text))


def _required(name: str, value: Any, check: Callable[[str], _Value]) -> _Value:
    found = _checked(name, value, check)
    if found is None:
        example = f", {EXAMPLES[name]}" if name in EXAMPLES else ""
        raise SettingsError(
            f"no {SPELLED.get(name, name)} is given",
            hint=f"Set the argument {name}{example}.",
        )
    return found


def _checked(name: str, value: Any, check: Callable[[str], _Value]) -> _Value | None:
    """Returns an argument after its check; None if it is None or blank."""
    text = _stripped(value)
    return _named(name, lambda: check(text)) if text else None


def _named(name: str, made: Callable[[], _Value]) -> _Value:
    try:
        return made()
    except AcpublishError as error:
        raise type(error)(f"{name}: {error.problem}", hint=error.hint) from error


def _stripped(value: Any) -> str:
    return "" if value is None else str(value).strip()
