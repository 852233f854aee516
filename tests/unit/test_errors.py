from __future__ import annotations

import errno
import inspect
import pickle

import pytest

from acpublish import errors
from acpublish.cli.exit_status import OK, status_of

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_all_errors_are_named_and_in_one_tree() -> None:
    classes = [member for _, member in inspect.getmembers(errors, inspect.isclass)]
    assert set(classes) == set(CLASSES)
    assert all(issubclass(kind, errors.AcpublishError) for kind in classes)


def test_the_tree_at_the_top_is_the_tree() -> None:
    above: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        name = next((word for word in line.split() if word.endswith("Error")), "")
        if name in errors.__all__ and line.startswith("    "):
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4 - 1
            above[depth:] = [name]
            drawn[name] = above[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_has_a_hint_a_line_and_an_exit_status(kind: type[errors.AcpublishError]) -> None:
    error = kind("what\nis wrong", hint="Do\tthis.")
    assert str(error) == "what is wrong. Do this."
    if kind is not errors.AcpublishError:
        assert status_of(error) not in (OK, 1, 70)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.problem, again.hint) == (kind, error.problem, error.hint)


def test_a_hint_is_demanded() -> None:
    with pytest.raises(TypeError):
        errors.CatalogError("what is wrong")  # type: ignore[call-arg]


def test_a_reason_is_lower_case_and_has_no_path() -> None:
    refused = FileNotFoundError(errno.ENOENT, "No such file or directory", "/home/ann/x")
    assert errors.reason_of(refused) == "no such file or directory"
    assert errors.reason_of(OSError("Too slow")) == "too slow"
    assert errors.reason_of(TimeoutError()) == "timeouterror"


def test_a_failed_check_has_its_name() -> None:
    assert errors.CheckError("it failed", hint="Shrink it.").check == ""
    error = errors.CheckError("slot: too large", hint="Shrink it.", check="slot")
    again = pickle.loads(pickle.dumps(error))
    assert (again.check, again.problem, again.hint) == ("slot", error.problem, error.hint)


def test_what_cannot_be_read_is_named_with_the_reason() -> None:
    with (
        pytest.raises(errors.PartitionError) as caught,
        errors.reading("the table x.csv", errors.PartitionError, hint="Use another."),
    ):
        raise OSError(errno.EIO, "Input/output error", "x.csv")
    assert str(caught.value) == "the table x.csv cannot be read: input/output error. Use another."


def test_what_must_not_be_read_needs_no_other_file() -> None:
    with (
        pytest.raises(errors.SettingsError) as caught,
        errors.reading("the key k.pem", errors.SettingsError, hint="Create one."),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "k.pem")
    assert str(caught.value) == (
        "the key k.pem cannot be read: permission denied. Make it readable for this user, or run "
        "this as its owner."
    )
    assert isinstance(caught.value.__cause__, PermissionError)
    with (
        pytest.raises(KeyError, match="mine"),
        errors.reading("x", errors.SettingsError, hint="."),
    ):
        raise KeyError("mine")
