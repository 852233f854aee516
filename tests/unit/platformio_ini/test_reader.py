"""Both readers of platformio.ini agree, with PlatformIO's own ProjectConfig as the judge."""

from __future__ import annotations

import os
import random
import re
import sys
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.platformio_ini.reader import BuiltinReader, has_reference, read_project

INIS = {
    "common": "[env]\nextra_scripts = post:a.py\n[env:x]\n",
    "replaced": "[env]\nextra_scripts = post:a.py\n[env:x]\nextra_scripts = pre:b.py\n[env:y]\n",
    "filled in": (
        "[env]\nextra_scripts = post:a.py\n[env:x]\nextra_scripts =\n  ${env.extra_scripts}\n"
        "  pre:b.py ; why\n"
    ),
    "of a section": (
        "[mine]\nscripts = post:a.py, pre:b.py\n[env:x]\nextra_scripts = ${mine.scripts}\n"
        "build_flags = -DA=${this.custom_a}\ncustom_a = 5\n"
    ),
    "extended": (
        "[base]\nextra_scripts = post:a.py\nbuild_flags = -DA\n[env:x]\nextends = base\n"
        "[env:y]\nextends = env:x\nbuild_flags = ${env:x.build_flags} -DB=2\n"
    ),
    "of another file": "[platformio]\nextra_configs = more*.ini\n[env:x]\nbuild_flags = -DA\n",
}


@pytest.mark.parametrize("name", INIS)
def test_it_reads_what_platformio_reads(name: str, tmp_path: Path) -> None:
    config = pytest.importorskip("platformio.project.config")
    (tmp_path / "more.ini").write_text("[env:x]\nextra_scripts = post:a.py\n[env:z]\n")
    (tmp_path / "platformio.ini").write_text(INIS[name])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        theirs = config.ProjectConfig(str(tmp_path / "platformio.ini"))
        expected = {
            env: (
                theirs.get(f"env:{env}", "extra_scripts"),
                theirs.get(f"env:{env}", "build_flags"),
            )
            for env in theirs.envs()
        }
    ours = BuiltinReader(tmp_path)
    found = {
        env: (
            ours.scripts(env),
            [flag for flag in (ours.option(env, "build_flags") or "").split("\n") if flag],
        )
        for env in ours.environments()
    }
    assert found == expected


@pytest.mark.parametrize(
    ("options", "of_device"),
    [
        ("platform = espressif8266\nboard = d1", True),
        ("platform = platformio/espressif32@^6.5\nboard = c3", True),
        ("platform = https://github.com/pioarduino/platform-espressif32.git\nboard = c3", True),
        ("platform = symlink:///opt/platform\nboard = c3", True),
        ("board = d1", True),
        ("platform = espressif32", False),
        ("platform = native", False),
        ("platform = native@1.2.1\nboard = d1", False),
        ("platform = platformio/native @ ^1.2\nboard = d1", False),
        ("platform = nordicnrf52\nboard = rak4631", False),
    ],
)
def test_an_environment_of_a_device_has_a_board_of_espressif(
    tmp_path: Path, options: str, of_device: bool
) -> None:
    reader = BuiltinReader(tmp_path, f"[env:x]\n{options}\n")
    assert reader.device_environments() == (["x"] if of_device else [])
    assert reader.environments() == ["x"]


def test_a_reference_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text("[env:x]\nbuild_flags = -DA ${env:x.build_flags}\n")
    assert BuiltinReader(tmp_path).option("x", "build_flags") == "-DA ${env:x.build_flags}"


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_bytes(b"[env:\xff]\n")
    with pytest.raises(SettingsError, match="not valid UTF-8"):
        BuiltinReader(tmp_path)


OPTIONS = ("custom_a", "custom_b", "board", "build_flags", "lib_deps", "extra_scripts")
PLAIN = (
    "one",
    "two, three",
    "a ; comment",
    "b # comment",
    "x;y",
    "100%%",
    "%(board)s",
    "",
    "$PLAIN",
    "\n  first\n  second  ; comment\n\n  third",
    "head\n\ttail",
)

#: Without a circle, in which PlatformIO would be caught.
EXTENDS = {
    "env:a": ("env:b", "base", "base, env:c", "\n  env:c\n  base", "no-such"),
    "env:b": ("env:c", "base, env:c"),
    "env:c": ("base", "more.dotted, base"),
    "base": ("more.dotted",),
}


class Generator:
    """Writes inis of a few sections that extend and refer to each other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sections = ["env", "env:a", "env:b", "env:c", "base", "more.dotted"]
        self.random.shuffle(self.sections)

    def ini(self) -> str:
        rng = self.random
        defaults = rng.choice(["a", "a, c", "c\n  b", ""])
        parts = ["[platformio]", f"default_envs = {defaults}"]
        parts += ["src_dir = ${PROJECT_DIR}/sources", "extra_configs = extra_*.ini"]
        return "\n".join([*parts, *self.some_sections(), ""])

    def some_sections(self, among: int = 6) -> list[str]:
        lines = []
        for section in self.random.sample(self.sections, self.random.randint(2, among)):
            lines.append(f"[{section}]")
            for option in self.random.sample(OPTIONS, self.random.randint(0, 4)):
                name = self.random.choice([option, option, option.upper()])
                lines.append(f"{name} {self.random.choice('=:')} {self.value()}")
            if section in EXTENDS and self.random.random() < 0.5:
                lines.append(f"extends = {self.random.choice(EXTENDS[section])}")
        return lines

    def value(self) -> str:
        rng = self.random
        values = [self.reference() if rng.random() < 0.5 else rng.choice(PLAIN) for _ in range(2)]
        return rng.choice([values[0], values[1], " ".join(values), f"\n  {values[0]}"])

    def reference(self) -> str:
        rng = self.random
        section = rng.choice(["env", "env:a", "env:b", "base", "this", "this", "platformio"])
        if section == "platformio":
            return "${platformio." + rng.choice(["src_dir", "build_dir", "default_envs"]) + "}"
        others = ["${this.__env__}", "${sysenv.ACP_TEST}", "${sysenv.ACP_UNSET}", "${PROJECT_DIR}"]
        others += ["${SCONS_ONE}", "${PROJECT_HASH}", "${UNIX_TIM}", "${no.such}"]
        return rng.choice([*["${" + section + "." + rng.choice(OPTIONS) + "}"] * 8, *others])


def judged(config: object, call: str, *arguments: str) -> object:
    """Returns what PlatformIO reads; None if it refuses that."""
    from platformio.exception import PlatformioException

    try:
        return getattr(config, call)(*arguments)
    except (PlatformioException, RecursionError):
        return None


def builtin() -> BuiltinReader:
    """Reads the project in the current folder, with the variables that PlatformIO has."""
    return BuiltinReader(Path(), environ=os.environ)


def is_refused(reader: BuiltinReader, environment: str, name: str) -> bool:
    """Returns whether our reader refuses an option, or shows the reference that leads nowhere."""
    try:
        return has_reference(reader.option(environment, name) or "")
    except SettingsError:
        return True


@pytest.mark.parametrize("part", range(4))
def test_generated_projects_are_read_alike(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACP_TEST", "of the system")
    monkeypatch.delenv("ACP_UNSET", raising=False)
    compared = refused = 0
    for seed in range(part * 100, part * 100 + 100):
        generator = Generator(seed)
        (tmp_path / "platformio.ini").write_text(generator.ini())
        (tmp_path / "extra_1.ini").write_text("\n".join(generator.some_sections(3)))
        theirs, ours = (
            config.ProjectConfig("platformio.ini"),
            builtin(),
        )
        assert ours.environments() == theirs.envs()
        expected = [name for name in theirs.default_envs() if name in theirs.envs()]
        assert ours.default_environments() == expected
        for environment in ours.environments():
            assert ours.options(environment) == theirs.options(env=environment)
            for name in ours.options(environment):
                value = judged(theirs, "get", f"env:{environment}", name)
                if isinstance(value, list):
                    value = "\n".join(value)
                if value is None:
                    assert is_refused(ours, environment, name), (seed, environment, name)
                    refused += 1
                    continue
                found = ours.option(environment, name)
                if "None" in str(value):
                    # PlatformIO fills in the word None for one of its options that is not set.
                    assert found is not None
                    left = re.sub(r"\$\{[^}]*\.board\}", "None", found)
                    assert left == value, (seed, environment, name)
                else:
                    assert found == value, (seed, environment, name)
                    compared += 1
    assert compared > 500
    assert refused > 20


@pytest.mark.parametrize("name", ["core_dir", "build_dir", "libdeps_dir", "lib_dir", "cache_dir"])
@pytest.mark.parametrize("text", ["", "workspace_dir = ~/work\nlib_dir = ../libs\n"])
def test_folders_of_platformio(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLATFORMIO_CORE_DIR", raising=False)
    ini = f"[platformio]\n{text}[env:x]\ncustom_a = ${{platformio.{name}}}/bin\n"
    (tmp_path / "platformio.ini").write_text(ini)
    expected = config.ProjectConfig("platformio.ini").get("env:x", "custom_a")
    assert builtin().option("x", "custom_a") == expected
    monkeypatch.setenv(f"PLATFORMIO_{name.upper()}", str(tmp_path / "elsewhere"))
    assert builtin().option("x", "custom_a") == f"{tmp_path}/elsewhere/bin"


def test_extra_configs_are_read_in_platformios_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    files = {
        "platformio.ini": "[platformio]\nextra_configs = a.ini, b.ini\n[env:x]\nboard = main\n",
        "a.ini": "[platformio]\nextra_configs =\n  c.ini\n[env:x]\nboard = a\ncustom_a = a\n",
        "b.ini": "[env:x]\nboard = b\n",
        "c.ini": "[env:x]\nboard = c\ncustom_a = c\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    theirs, ours = config.ProjectConfig("platformio.ini"), builtin()
    assert [ours.option("x", name) for name in ("board", "custom_a")] == ["b", "c"]
    assert [theirs.get("env:x", name) for name in ("board", "custom_a")] == ["b", "c"]
    assert ours.file_of("env:x", "board") == Path("b.ini")


def test_sections_provide_an_option_in_platformios_order(tmp_path: Path) -> None:
    text = (
        "[base]\nx = 1\n[mid]\nextends = base\n[env]\nx = 3\n"
        "[env:a]\nextends = mid\n[env:b]\n[loop]\nextends = env:c\n[env:c]\nextends = loop\n"
    )
    reader = BuiltinReader(tmp_path, text)
    assert [reader.section_of(name, "x") for name in "abc"] == ["base", "env", "env"]
    assert [reader.option(name, "x") for name in "abc"] == ["1", "3", "3"]
    assert reader.option("b", "y") is None
    assert reader.section_of("b", "y") is None


def test_default_environments_of_a_variable(tmp_path: Path) -> None:
    text = "[platformio]\ndefault_envs = a\n[env:a]\n[env:b]\n"
    reader = BuiltinReader(tmp_path, text, {"PLATFORMIO_DEFAULT_ENVS": "b, zz"})
    assert reader.default_environments() == ["a", "b"]
    assert BuiltinReader(tmp_path, text, {}).default_environments() == ["a"]


def test_a_variable_adds_to_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLATFORMIO_EXTRA_SCRIPTS", "post:acpublish_ota.py")
    monkeypatch.setenv("PLATFORMIO_BUILD_SRC_FILTER", "+<more>")
    ini = (
        "[env:x]\nextra_scripts = a.py\n[env:y]\nextra_scripts = ${env:x.extra_scripts}\n[env:z]\n"
    )
    (tmp_path / "platformio.ini").write_text(ini)
    theirs, ours = config.ProjectConfig("platformio.ini"), builtin()
    for name in "xyz":
        assert ours.options(name) == theirs.options(env=name)
        assert ours.scripts(name) == theirs.get(f"env:{name}", "extra_scripts")
        expected = "\n".join(theirs.get(f"env:{name}", "build_src_filter"))
        assert ours.option(name, "build_src_filter") == expected


def test_a_pattern_that_matches_platformio_ini_reads_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    text = "[platformio]\nextra_configs = more.ini, *.ini\n[env:x]\nboard = main\n"
    (tmp_path / "platformio.ini").write_text(text)
    (tmp_path / "more.ini").write_text("[env:x]\nboard = more\n")
    # As pio opens it: by its absolute path.
    theirs = config.ProjectConfig(str(tmp_path / "platformio.ini"))
    assert theirs.get("env:x", "board") == BuiltinReader(tmp_path).option("x", "board") == "main"


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("text", ["board = 50%\n", "board = a\nboard = b\n", "no option\n"])
def test_what_platformio_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, installed: bool
) -> None:
    if installed:
        pytest.importorskip("platformio")
    else:
        monkeypatch.setitem(sys.modules, "platformio.project.config", None)
    (tmp_path / "platformio.ini").write_text(f"[env:x]\n{text}")
    with pytest.raises(SettingsError, match=r"platformio\.ini cannot be read: ") as caught:
        read_project(tmp_path, {}).option("x", "board")
    assert str(caught.value).isprintable()


def test_an_option_that_nobody_asks_for_is_no_obstacle(tmp_path: Path) -> None:
    pytest.importorskip("platformio")
    (tmp_path / "platformio.ini").write_text("[env:x]\nboard = d1\nbuild_flags = ${no.such}\n")
    assert read_project(tmp_path, {}).option("x", "board") == "d1"
    assert read_project(tmp_path, {}).options("x") == ("board", "build_flags")


@pytest.mark.parametrize("value", ["a.py, b.py", "\n  a.py, b.py", "${env.x}, c.py", "${env.x}"])
def test_entries_are_split_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    config = pytest.importorskip("platformio.project.config")
    monkeypatch.chdir(tmp_path)
    text = f"[env]\nx = pre:a.py\n  b.py\nextra_scripts = {value}\n[env:x]\n"
    (tmp_path / "platformio.ini").write_text(text)
    expected = config.ProjectConfig("platformio.ini").get("env:x", "extra_scripts")
    assert builtin().scripts("x") == expected
    assert builtin().entries("env", "extra_scripts") == expected
