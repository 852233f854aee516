from __future__ import annotations

import errno

import pytest

from acpublish import errors
from acpublish.server.api.routes import status_of

KINDS = [
    kind
    for name in errors.__all__
    if issubclass(kind := getattr(errors, name), errors.AcpublishError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_status(kind: type[errors.AcpublishError]) -> None:
    status, code = status_of(kind("x", hint="y"))
    assert 400 <= status <= 503
    assert code


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.ConflictError, 409),
        (errors.NotFoundError, 404),
        (errors.CheckError, 422),
        (errors.DamagedImageError, 422),
        (errors.BadNameError, 422),
        (errors.RequestError, 400),
        (errors.CatalogError, 500),
        (errors.AcpublishError, 500),
    ],
)
def test_whose_fault_it_is(kind: type[errors.AcpublishError], status: int) -> None:
    assert status_of(kind("x", hint="y"))[0] == status


@pytest.mark.parametrize(
    ("number", "status"), [(errno.ENOSPC, 507), (errno.EROFS, 503), (errno.EACCES, 503)]
)
def test_a_disk_that_cannot_be_written(number: int, status: int) -> None:
    fault = errors.CatalogError("x", hint="y")
    fault.__cause__ = OSError(number, "z")
    assert status_of(fault)[0] == status
