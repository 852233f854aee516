"""The table of exit statuses: each error has one, and the docstring lists it."""

from __future__ import annotations

import re

import pytest

from acpublish import errors
from acpublish.cli import exit_status
from acpublish.server.api import routes
from tests.docs.documents import ROOT

#: What each family means to a script.
EXPECTED = {
    "AuthenticationError": 3,
    "BadNameError": 7,
    "CatalogError": 8,
    "CheckError": 7,
    "ConflictError": 4,
    "DamagedImageError": 7,
    "ImageError": 7,
    "ManifestError": 8,
    "NewerFormatError": 8,
    "MissingExtraError": 2,
    "UnconfirmedError": 2,
    "NotAnImageError": 7,
    "NotFoundError": 8,
    "PartitionError": 7,
    "RefusedError": 5,
    "RequestError": 5,
    "SettingsError": 2,
    "StampError": 7,
    "StoreError": 8,
    "StoreInUseError": 8,
    "TransferError": 5,
    "UnreachableError": 5,
    "VerificationError": 6,
    "VersionError": 7,
    "WrongKindError": 7,
}


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "AcpublishError"])
def test_each_error_has_its_status(name: str) -> None:
    error = getattr(errors, name)("problem", hint="hint")
    assert exit_status.status_of(error) == EXPECTED[name]


def test_each_code_belongs_to_one_status_and_is_documented() -> None:
    statuses: dict[str, set[int]] = {}
    for name in errors.__all__:
        error = getattr(errors, name)("problem", hint="hint")
        statuses.setdefault(exit_status.code_of(error), set()).add(exit_status.status_of(error))
    assert all(len(of_code) == 1 for of_code in statuses.values())
    text = (ROOT / "docs/reference/exit-statuses.md").read_text()
    assert [code for code in statuses if f"`{code}`" not in text] == []


def test_a_server_has_the_same_codes() -> None:
    served = {routes.status_of(getattr(errors, name)("x", hint="y")) for name in errors.__all__}
    ours = {exit_status.code_of(getattr(errors, name)("x", hint="y")) for name in errors.__all__}
    assert {code for _, code in served} - {"server"} <= ours


def test_an_error_without_a_family_is_our_own_fault() -> None:
    assert exit_status.status_of(errors.AcpublishError("x", hint="y")) == exit_status.INTERNAL


def test_the_table_tells_every_status_that_can_be() -> None:
    told = {int(number) for number in re.findall(r"^(\d+)  ", exit_status.__doc__ or "", re.M)}
    fixed = {
        exit_status.OK,
        exit_status.NO,
        exit_status.USAGE,
        exit_status.INTERNAL,
        exit_status.OUTPUT,
        exit_status.INTERRUPTED,
        exit_status.BROKEN_PIPE,
    }
    assert told == fixed | set(EXPECTED.values())
