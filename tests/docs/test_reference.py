"""The reference leaves nothing out: commands, options, settings, statuses, fields."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

import acpublish
from acpublish import errors
from acpublish.cli import ALIASES, COMMANDS, exit_status
from acpublish.cli import acpublish as command_line
from acpublish.image.model import Image, Kind
from acpublish.release.checks.registry import CHECKS
from acpublish.release.manifest import ReleaseImage
from acpublish.server.api import routes
from acpublish.server.api.routes import status_of
from acpublish.settings.layers import environment, ini
from acpublish.settings.setting_names import NAMES
from acpublish.simulation.built_in_profiles import BUILT_IN
from acpublish.simulation.profile_file import ABSENCE_KEYS, KIND_KEYS, PROFILE_KEYS
from tests.docs.documents import DOCUMENTS, ROOT, name_of

REFERENCE = ROOT / "docs" / "reference"


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text()


def section(text: str, heading: str) -> str:
    """Returns the text below a heading, up to the next heading of its rank or above."""
    rank = heading.split()[0]
    found = re.search(
        rf"^{re.escape(heading)}$(?P<text>.*?)(?=^#{{1,{len(rank)}}} |\Z)", text, re.M | re.S
    )
    assert found, heading
    return found["text"]


def options() -> Iterator[tuple[str, str]]:
    """Returns each command, with one of its options at a time."""
    for name in sorted(COMMANDS):
        with click.Context(command_line) as context:
            command = command_line.get_command(context, name)
            assert command is not None
            parts = command.commands.values() if isinstance(command, click.Group) else [command]
            for part in parts:
                for parameter in part.params:
                    for option in parameter.opts + parameter.secondary_opts:
                        if option.startswith("-"):
                            yield name, option


@pytest.mark.parametrize(("command", "option"), sorted(set(options())))
def test_every_option_is_documented(command: str, option: str) -> None:
    assert f"`{option}" in section(text_of("commands.md"), f"## acpublish {command}")


@pytest.mark.parametrize(("alias", "command"), ALIASES.items())
def test_every_earlier_name_is_documented(alias: str, command: str) -> None:
    assert f"`acpublish {alias}`" in section(text_of("commands.md"), f"## acpublish {command}")


def test_no_option_is_documented_that_is_not_there() -> None:
    known = {*options(), *((name, "--help") for name in COMMANDS)}
    text = text_of("commands.md")
    for name in COMMANDS:
        rows = re.findall(r"^\| (`-.*?) \|", section(text, f"## acpublish {name}"), re.M)
        for option in re.findall(r"`(-[a-z0-9-]+)", " ".join(rows)):
            assert (name, option) in known, option


class _RecordedEnvironment(Mapping[str, str]):
    """An environment that remembers which variables were read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_setting_is_documented() -> None:
    environ, ini_names = _RecordedEnvironment(), set[str]()
    environment(environ)
    ini(lambda name: ini_names.add(name), Path())
    table = [row for row in text_of("settings.md").splitlines() if row.startswith("| ")][1:]
    rows = {row.split("|")[1].strip(): row for row in table}
    assert set(rows) == set(NAMES)
    for name, row in rows.items():
        variable, option = f"ACPUBLISH_{name.upper()}", f"custom_ota_{name}"
        assert (f"`{variable}`" in row) == (variable in environ.names)
        assert (f"`{option}`" in row) == (option in ini_names)
        assert (f"`--{name.replace('_', '-')}`" in row) == (
            ("publish", f"--{name.replace('_', '-')}") in set(options())
        )


def test_every_environment_variable_in_the_code_is_documented() -> None:
    found = {
        name
        for path in (ROOT / "acpublish").rglob("*.py")
        for name in re.findall(r"[\"'](ACPUBLISH_[A-Z_]*[A-Z])[\"']", path.read_text())
    }
    # The hook's key in SCons' environment and names in C are not variables of the user.
    inner = {"ACPUBLISH_HOOK", "ACPUBLISH_UPDATE_PATH"}
    text = text_of("settings.md")
    assert sorted(name for name in found - inner if name not in text) == []


def test_every_exit_status_is_documented() -> None:
    table = re.findall(r"^\| (\d+) \|", text_of("exit-statuses.md"), re.M)
    said = re.findall(r"^(\d+)  ", exit_status.__doc__ or "", re.M)
    assert table == said
    assert {"0", "1", "2", "70", "130"} <= set(said)
    possible = {exit_status.status_of(one("x", hint="y")) for one in _all_errors()}
    assert {str(one) for one in possible} <= set(said)


def test_every_code_of_the_api_is_documented() -> None:
    text = section(text_of("http-api.md"), "## Publish")
    for one in _all_errors():
        number, code = status_of(one("x", hint="y"))
        assert re.search(rf"^\| {number} \| .*`{code}`", text, re.M), (number, code)
    for number, code in routes.CODES:
        assert re.search(rf"^\| {number} \| .*`{code}`", text, re.M), (number, code)


def _all_errors() -> list[type[errors.AcpublishError]]:
    return [getattr(errors, name) for name in errors.__all__]


def test_every_public_name_is_documented() -> None:
    text = text_of("python-api.md")
    names = set(acpublish.__all__) - {"__version__"}
    assert sorted(name for name in names if name not in text) == []


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Image)])
def test_every_field_of_an_image_is_documented(field: str) -> None:
    assert f"`{field}`" in section(text_of("python-api.md"), "### Image")


def test_every_key_of_a_simulated_fleet_is_documented() -> None:
    text = text_of("simulation.md")
    rows = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.M))))
    keys = {*PROFILE_KEYS, *KIND_KEYS, "away_after", "away_for"}
    assert rows == keys - {"rollout"} | {name for name in BUILT_IN if "-" not in name}
    for name in BUILT_IN:
        assert f"| `{name}` |" in text
    for table in ("[rollout]", "[[server_down]]", "[[kind]]"):
        assert f"| `{table}` |" in text
    for key in ABSENCE_KEYS:
        assert f"`{key}`" in text


def test_every_kind_is_documented() -> None:
    text = section(text_of("python-api.md"), "### Image")
    assert sorted(kind.value for kind in Kind if f"`{kind.value}`" not in text) == []


@pytest.mark.parametrize(
    "field", [field.name for field in dataclasses.fields(ReleaseImage) if field.name != "extra"]
)
def test_every_field_of_a_manifest_is_documented(field: str) -> None:
    assert f"`{field}`" in section(text_of("catalog.md"), "## The manifest")


def test_the_source_layout_shows_each_package_and_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawn = section(text, "## Source layout")
    for path in (ROOT / "acpublish").iterdir():
        if path.name.startswith("_") or path.suffix == ".typed":
            continue
        name = f"{path.name}/" if path.is_dir() else path.name
        assert re.search(rf"^  {re.escape(name)} ", drawn, re.M), name


def test_the_modules_that_contributing_names_exist() -> None:
    table = section((ROOT / "CONTRIBUTING.md").read_text(), "## Source layout")
    rows = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ")][1:]
    paths = [path for row in rows for path in re.findall(r"`([^`]+)`", row)]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / "acpublish" / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_settings_in_the_documents_exist(document: Path) -> None:
    known = {f"custom_ota_{name}" for name in NAMES}
    found = set(re.findall(r"custom_ota_[a-z_]*[a-z]", document.read_text()))
    assert sorted(found - known) == []


@pytest.mark.parametrize("check", [one.name for one in CHECKS])
def test_every_check_is_documented(check: str) -> None:
    assert f"\n| `{check}` | " in (ROOT / "docs" / "how-to" / "checks.md").read_text()
