"""Several files in one ``acpublish publish``: boards, checks before the first byte, results."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.support import images
from tests.support.proxy import answering, between, pass_on
from tests.support.server import running_server
from tests.support.tokens import create_token
from tests.unit.cli.invoking import CommandLine
from tests.unit.cli.test_publish import visible

RELEASE = ("--product", "lamp", "--version", "1.2.3")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "d1.bin").write_bytes(images.esp8266_image())
    (tmp_path / "c3.bin").write_bytes(images.esp32_image("esp32c3"))
    (tmp_path / "littlefs.bin").write_bytes(images.littlefs())
    (tmp_path / "broken.bin").write_bytes(images.esp8266_image()[:-100])


def test_each_file_has_its_board(acpublish: CommandLine, catalog: Path) -> None:
    words = ("publish", "d1_mini=d1.bin", "c3=c3.bin", "--to", catalog, *RELEASE)
    said = acpublish(*words)
    assert (said.status, said.err) == (0, "")
    assert visible(catalog) == ["lamp/lamp-1.2.3_c3.bin", "lamp/lamp-1.2.3_d1_mini.bin"]
    lines = said.out.splitlines()
    assert lines[0] == "lamp 1.2.3 for d1_mini (stable): published"
    assert "lamp 1.2.3 for c3 (stable): published" in lines
    assert lines[-1] == f"2 files are in {catalog}"
    assert acpublish(*words, "-q").out.splitlines() == [
        str(catalog / "lamp/lamp-1.2.3_d1_mini.bin"),
        str(catalog / "lamp/lamp-1.2.3_c3.bin"),
    ]


def test_json_is_an_array_of_what_one_file_has(acpublish: CommandLine, catalog: Path) -> None:
    first, second = acpublish(
        "publish", "d1_mini=d1.bin", "c3=c3.bin", "--to", catalog, *RELEASE, "--json"
    ).json()
    assert (first["board"], first["outcome"]) == ("d1_mini", "published")
    assert (second["board"], second["outcome"]) == ("c3", "published")
    one = acpublish("publish", "c3=c3.bin", "--to", catalog, *RELEASE, "--json").json()
    assert (one["board"], one["outcome"]) == ("c3", "already published")
    assert set(one) == set(first)


def test_firmware_and_filesystem_of_one_board(acpublish: CommandLine, catalog: Path) -> None:
    words = ("publish", "d1.bin", "littlefs.bin", "--to", catalog, *RELEASE, "--board", "d1_mini")
    assert acpublish(*words).status == 0
    assert visible(catalog) == ["lamp/lamp-1.2.3_d1_mini.bin", "lamp/lamp-1.2.3_d1_mini.fs.bin"]
    # A setting decides for all.
    assert acpublish(*words, "--kind", "firmware").status == 2


def test_if_one_is_refused_nothing_is_written(acpublish: CommandLine, catalog: Path) -> None:
    words = ("publish", "d1_mini=d1.bin", "a=broken.bin", "b=missing.bin")
    said = acpublish(*words, "--to", catalog, *RELEASE)
    assert said.status == 7
    first, second = said.err.splitlines()
    assert first.startswith("acpublish: error: broken.bin: ")
    assert second.startswith("acpublish: error: missing.bin cannot be read: ")
    assert second.endswith(" Nothing was published.")
    assert (said.out, visible(catalog)) == ("", [])


def test_two_files_of_one_board_are_a_mistake(acpublish: CommandLine, catalog: Path) -> None:
    words = ("publish", "d1.bin", "c3.bin", "--to", catalog, *RELEASE, "--board", "d1_mini")
    said = acpublish(*words)
    assert said.status == 2
    assert "d1.bin and c3.bin are both firmware for the board d1_mini" in said.error()
    assert visible(catalog) == []


def test_each_file_needs_a_board_that_is_a_name(acpublish: CommandLine, catalog: Path) -> None:
    rest = ("--to", catalog, *RELEASE)
    said = acpublish("publish", "d1.bin", "c3=c3.bin", *rest)
    hint = "Name the board of each file: BOARD=FILE."
    assert said.error() == f"acpublish: error: d1.bin: no board is given. {hint}"
    for word, board in {"C3=c3.bin": "'C3'", "a b=c3.bin": "'a b'", "=c3.bin": "is empty"}.items():
        said = acpublish("publish", "d1=d1.bin", word, *rest)
        assert said.status == 7
        assert f"the board name {board}" in said.error()
    assert visible(catalog) == []


def test_what_was_published_before_a_failure_is_in_the_problem(
    acpublish: CommandLine, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", "lamp"))
    files = ("d1_mini=d1.bin", "c3=c3.bin")
    with (
        running_server(catalog, tmp_path) as server,
        between(server, pass_on, answering("403 Forbidden")) as proxy,
    ):
        said = acpublish("publish", *files, "--to", proxy.url, *RELEASE, "--json")
        problem = said.problem()
        assert problem["hint"].endswith(
            "Of 2 files, 1 was published; run the same command again to publish the others."
        )
        (published,) = problem["published"]
        assert (published["board"], published["outcome"]) == ("d1_mini", "published")
        # Nothing had been published when the first one failed.
        proxy.ways[:] = [*[pass_on] * 2, answering("403 Forbidden")]
        problem = acpublish("publish", "d1_mini=d1.bin", "--to", proxy.url, *RELEASE, "--json")
        assert "published" not in problem.problem()
    assert visible(catalog) == ["lamp/lamp-1.2.3_d1_mini.bin"]


def test_the_board_of_a_file_wins_over_the_setting(
    acpublish: CommandLine, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_BOARD", "attic")
    assert acpublish("publish", "d1.bin", "c3=c3.bin", "--to", catalog, *RELEASE).status == 0
    assert visible(catalog) == ["lamp/lamp-1.2.3_attic.bin", "lamp/lamp-1.2.3_c3.bin"]


def test_a_name_with_an_equals_sign_is_a_file(acpublish: CommandLine, catalog: Path) -> None:
    Path("a=b.bin").write_bytes(images.esp8266_image())
    words = ("publish", "a=b.bin", "--to", catalog, *RELEASE, "--board", "d1_mini")
    assert acpublish(*words).status == 0
    assert visible(catalog) == ["lamp/lamp-1.2.3_d1_mini.bin"]


def test_a_server_gets_nothing_before_all_are_checked(
    acpublish: CommandLine, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(catalog, tmp_path) as server:
        token = create_token(tmp_path / "state", "lamp")

        def publish(*files: str) -> int:
            # Standard input has the token once, for all files.
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(token.encode())))
            words = ("--to", server.url, *RELEASE, "--token-file", "-")
            return acpublish("publish", *files, *words).status

        assert publish("d1_mini=d1.bin", "a=broken.bin") == 7
        assert visible(catalog) == []
        assert publish("d1_mini=d1.bin", "c3=c3.bin") == 0
        log = server.end()
    requests = [line for line in log.splitlines() if " PUT " in line]
    assert ["/d1_mini?" in line for line in requests] == [True, False]
    assert len(visible(catalog)) == 2


def test_a_dry_run_of_several(acpublish: CommandLine, catalog: Path) -> None:
    words = ("publish", "d1_mini=d1.bin", "c3=c3.bin", "--to", catalog, *RELEASE, "--dry-run")
    said = acpublish(*words)
    assert said.status == 0
    assert said.out.count(": would be published\n") == 2
    assert said.out.splitlines()[-1] == f"2 files would be in {catalog}"
    assert [plan["dry_run"] for plan in acpublish(*words, "--json").json()] == [True, True]
    assert visible(catalog) == []


def test_a_warning_names_its_file(acpublish: CommandLine, catalog: Path) -> None:
    Path("old.bin").write_bytes(images.esp8266_image(record=False))
    said = acpublish("publish", "a=old.bin", "c3=c3.bin", "--to", catalog, *RELEASE)
    (warning,) = said.err.splitlines()
    assert warning.startswith("acpublish: warning: old.bin: unstamped: ")
