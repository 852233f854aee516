"""What platformio.ini says is what PlatformIO reads in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.platformio_ini.options import Options

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
    ours = Options(tmp_path)
    found = {
        env: (ours.scripts(env), [one for one in ours.flags(env).split("\n") if one])
        for env in ours.environments()
    }
    assert found == expected


def test_an_environment_of_this_machine_is_none_of_a_device(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text("[env:x]\n[env:tests]\nplatform = native\n")
    assert Options(tmp_path).environments() == ["x"]


def test_a_reference_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text("[env:x]\nbuild_flags = -DA ${env:x.build_flags}\n")
    assert "-DA" in Options(tmp_path).flags("x")


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_bytes(b"[env:\xff]\n")
    with pytest.raises(SettingsError, match="no UTF-8"):
        Options(tmp_path)
