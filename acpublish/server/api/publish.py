"""What the head of an upload says: where the image is to stand, and what only the client knows."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from acpublish.errors import ManifestError, RequestError, SettingsError
from acpublish.release import names
from acpublish.release.checks.registry import allowed_skips
from acpublish.release.declared import Declared
from acpublish.release.names import IMAGE_KINDS
from acpublish.release.secrets import SecretRules
from acpublish.release.signatures import from_header
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from acpublish.wire import (
    DECLARED_HEADER,
    PRIVATE_HEADER,
    PROVENANCE_HEADER,
    SECRETS_HEADER,
    SIGNATURE_HEADER,
    SKIP_CHECKS_HEADER,
)

__all__ = ["read_submission"]


def read_submission(request: Request) -> Submission:
    """Reads where an upload is to stand, and what its client says of it.

    Raises:
        AcpublishError: A part of the address, of the query or of a header is at fault.
    """
    query = request.query_params
    kind = query.get("kind", "firmware")
    if kind not in IMAGE_KINDS:
        raise RequestError("there is no such kind", hint="It is 'firmware' or 'filesystem'.")
    return Submission(
        product=names.product(request.path_params["product"]),
        version=Version.parse(request.path_params["version"]),
        board=names.board(request.path_params["board"]),
        channel=names.channel(query.get("channel", names.STABLE)),
        kind="filesystem" if kind == "filesystem" else "firmware",
        chip=query.get("chip"),
        provenance=_texts(request, PROVENANCE_HEADER, '{"commit": "abc1234"}'),
        private=_texts(request, PRIVATE_HEADER, '{"remote": "https://git.example/lamp"}'),
        compress=_yes(query.get("compress", "no")),
        declared=_declared(request),
        skipped_checks=_skipped_checks(request),
        signatures=from_header(request.headers.get(SIGNATURE_HEADER, "")),
        secrets=_secret_rules(request),
    )


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise RequestError("compress is neither yes nor no", hint="Send compress=yes, or nothing.")
    return text == "yes"


def _declared(request: Request) -> Declared:
    try:
        return Declared.from_dict(_object(request, DECLARED_HEADER), DECLARED_HEADER)
    except ManifestError as fault:
        raise RequestError(f"the header {fault.problem}", hint=fault.hint) from fault


def _skipped_checks(request: Request) -> dict[str, str]:
    skips = _texts(request, SKIP_CHECKS_HEADER, '{"dirty": "built on the bench"}')
    try:
        return allowed_skips(skips)
    except SettingsError as fault:
        raise RequestError(fault.problem, hint=fault.hint) from fault


def _secret_rules(request: Request) -> SecretRules:
    try:
        return SecretRules.from_dict(_object(request, SECRETS_HEADER))
    except SettingsError as fault:
        raise RequestError(fault.problem, hint=fault.hint) from fault


def _texts(request: Request, name: str, example: str) -> dict[str, str]:
    document = _object(request, name)
    if isinstance(document, dict) and all(isinstance(one, str) for one in document.values()):
        return document
    raise RequestError(
        f"the header {name} is no JSON object of texts",
        hint=f"Send one such as {example}, or none.",
    )


def _object(request: Request, name: str) -> Any:
    """Returns the JSON in a header: an empty object without one, None where it is no JSON."""
    text = request.headers.get(name)
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
