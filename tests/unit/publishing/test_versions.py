"""Where versions come from, with real git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from acpublish.errors import VersionError
from acpublish.publishing.versions import resolve
from acpublish.release.version import Version

DIGEST = "0123abcd" + "e" * 56


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"}
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout.strip()

    def commit(self, count: int = 1) -> None:
        for _ in range(count):
            (self.path / "main.cpp").write_text(os.urandom(8).hex())
            self.git("add", ".")
            self.git("commit", "-q", "-m", "change")

    def change(self) -> None:
        (self.path / "main.cpp").write_text("changed")

    @property
    def head(self) -> str:
        return self.git("rev-parse", "--short=7", "HEAD")

    def version(self, digest: str = DIGEST) -> str:
        return str(resolve("git", self.path).version(digest))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "project")
    made.commit()
    return made


class TestGit:
    @pytest.mark.parametrize("tag", ["v1.2.3", "1.2.3"])
    def test_on_a_tag(self, repository: Repository, tag: str) -> None:
        repository.git("tag", tag)
        assert repository.version() == "1.2.3"
        assert not resolve("git", repository.path).development

    def test_five_commits_later_and_changed(self, repository: Repository) -> None:
        repository.git("tag", "-a", "v1.2.3", "-m", "annotated")
        repository.commit(5)
        assert repository.version() == f"1.2.4-dev.5+g{repository.head}"
        repository.change()
        assert repository.version() == f"1.2.4-dev.5+g{repository.head}.d0123abcd"
        assert resolve("git", repository.path).development

    def test_a_source_that_git_does_not_know_is_a_change(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        (repository.path / "src").mkdir()
        (repository.path / "notes.txt").write_text("not in the image")
        assert repository_version(repository) == "1.2.3"
        (repository.path / "src" / "extra.cpp").write_text("int extra;")
        assert repository_version(repository).startswith("1.2.4-dev.0+g")

    def test_a_changed_tag_is_a_development_version(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        repository.change()
        assert repository.version() == f"1.2.4-dev.0+g{repository.head}.d0123abcd"

    def test_after_a_release_candidate(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3-rc.1")
        assert repository.version() == "1.2.3-rc.1"
        repository.commit(5)
        assert repository.version() == f"1.2.3-rc.1.dev.5+g{repository.head}"
        repository.change()
        shortened = repository.version()
        assert len(shortened) <= 31
        assert shortened.startswith(f"1.2.3-rc.1.dev.5+g{repository.head}.d")

    def test_a_file_that_git_does_not_know_is_no_change(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        (repository.path / "note.txt").write_text("mine")
        assert repository.version() == "1.2.3"

    def test_of_two_tags_on_a_commit_the_highest_counts(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        for tag in ("v1.2.3-rc.1", "v1.2.2", "v2-board", "v1.2.3-rc.2"):
            repository.git("tag", tag)
        assert repository.version() == "1.2.3"
        repository.commit()
        assert repository.version().startswith("1.2.4-dev.1+g")

    def test_without_a_tag(self, repository: Repository) -> None:
        repository.commit(2)
        assert repository.version() == f"0.0.1-dev.3+g{repository.head}"
        repository.git("tag", "first-light")
        assert repository.version() == f"0.0.1-dev.3+g{repository.head}"

    def test_in_a_folder_of_the_repository(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        (repository.path / "firmware").mkdir()
        found = resolve("git", repository.path / "firmware")
        assert str(found.version(DIGEST)) == "1.2.3"

    def test_a_tag_that_is_no_version(self, repository: Repository) -> None:
        repository.git("tag", "v1.2")
        with pytest.raises(VersionError) as caught:
            repository.version()
        assert "the git tag 'v1.2': '1.2' is not a valid SemVer 2.0.0 version" in str(caught.value)
        assert caught.value.hint.endswith(": git tag v1.2.0 v1.2")

    def test_a_tag_that_does_not_fit(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3-" + "a" * 25)
        assert repository.version() == "1.2.3-" + "a" * 25
        repository.commit()
        with pytest.raises(VersionError, match="a stamp holds at most 31"):
            resolve("git", repository.path)

    def test_a_detached_head(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        repository.commit()
        repository.git("checkout", "-q", "--detach", "v1.2.3")
        assert repository.version() == "1.2.3"

    def test_a_prefix_of_one_product_of_several(self, repository: Repository) -> None:
        repository.git("tag", "lamp-v1.2.3")
        repository.git("tag", "door/2.0.0")
        repository.commit()
        repository.git("tag", "v9.0.0")

        def version(source: str) -> str:
            return str(resolve(source, repository.path).version(DIGEST))

        assert version("git") == "9.0.0"
        assert version("git:lamp-") == f"1.2.4-dev.1+g{repository.head}"
        assert version("git:door/") == f"2.0.1-dev.1+g{repository.head}"
        assert version("git:other-") == f"0.0.1-dev.2+g{repository.head}"

    def test_a_shallow_clone_without_its_tags_is_no_state_to_guess_from(
        self, repository: Repository, tmp_path: Path
    ) -> None:
        repository.git("tag", "v1.2.3")
        repository.commit(2)
        shallow = tmp_path / "shallow"
        address = repository.path.as_uri()
        repository.git("clone", "-q", "--depth", "1", address, str(shallow))
        with pytest.raises(VersionError, match="shallow") as caught:
            resolve("git", shallow)
        assert "--unshallow" in caught.value.hint
        repository.git("-C", str(shallow), "fetch", "-q", "--unshallow", "--tags")
        assert str(resolve("git", shallow).version(DIGEST)).startswith("1.2.4-dev.2+g")

    def test_no_repository(self, tmp_path: Path) -> None:
        with pytest.raises(VersionError) as caught:
            resolve("git", tmp_path)
        assert "not a git repository" in str(caught.value)
        assert str(caught.value).isprintable()

    def test_no_commit(self, tmp_path: Path) -> None:
        with pytest.raises(VersionError, match="Commit at least once"):
            resolve("git", Repository(tmp_path / "project").path)

    def test_no_git(self, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(VersionError, match="git cannot be run"):
            repository_version(repository)


def repository_version(repository: Repository) -> str:
    return str(resolve("git", repository.path).version(DIGEST))


class TestOtherVersion:
    def test_from_git_by_the_digest_and_then_by_a_number(self, repository: Repository) -> None:
        repository.git("tag", "v1.2.3")
        source = resolve("git", repository.path)
        first = source.other_version(DIGEST, [])
        assert str(first) == f"1.2.4-dev.0+g{repository.head}.d0123abcd"
        second = source.other_version(DIGEST, [first], [first])
        assert str(second).startswith(f"1.2.4-dev.0.1+g{repository.head}.d")
        third = source.other_version(DIGEST, [first, second], [first, second])
        assert third.precedence > second.precedence > first.precedence

    def test_of_a_literal_by_a_number(self, tmp_path: Path) -> None:
        source = resolve("1.2.3", tmp_path)
        published = [Version.parse("1.2.3"), Version.parse("1.2.4-dev.7")]
        assert str(source.other_version(DIGEST, published)) == "1.2.4-dev.8"


class TestFile:
    @pytest.mark.parametrize("text", ["1.2.3", "1.2.3\n", "\n  1.2.3  \nmore", "\ufeff1.2.3\r\n"])
    def test_the_first_line(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "VERSION").write_text(text, encoding="utf-8")
        assert str(resolve("file:VERSION", tmp_path).version(DIGEST)) == "1.2.3"
        assert not resolve(f"file:{tmp_path / 'VERSION'}", Path("/")).development

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"\n\n", "is empty"),
            (b"\xff\xfe", "it is not a text file"),
            (b"1.2", "1.2.0"),
        ],
    )
    def test_a_bad_one(self, tmp_path: Path, content: bytes, said: str) -> None:
        (tmp_path / "VERSION").write_bytes(content)
        with pytest.raises(VersionError, match=said):
            resolve("file:VERSION", tmp_path)

    @pytest.mark.parametrize("source", ["file:missing", "file:", "file:x/y"])
    def test_none(self, tmp_path: Path, source: str) -> None:
        with pytest.raises(VersionError, match="cannot be read") as caught:
            resolve(source, tmp_path)
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize(
        ("name", "content", "selector"),
        [
            ("library.json", '{"name": "x", "version": "1.2.3"}', ""),
            ("pyproject.toml", '[project]\nname = "x"\nversion = "1.2.3"\n', ""),
            ("pyproject.toml", '[tool.poetry]\nversion = "1.2.3"\n', ""),
            ("version.h", '#pragma once\n#define FIRMWARE_VERSION "1.2.3"\n', ""),
            ("version.h", '  #  define\tNAME "lamp"\n#define APP_VERSION  "1.2.3" // x\n', ""),
            ("v.h", '#define A_VERSION "9.9.9"\n#define B_VERSION "1.2.3"\n', "#B_VERSION"),
            ("main.ino", '#define REVISION "1.2.3"\n', "#REVISION"),
        ],
    )
    def test_files_that_have_a_version_anyway(
        self, tmp_path: Path, name: str, content: str, selector: str
    ) -> None:
        (tmp_path / name).write_text(content)
        assert str(resolve(f"file:{name}{selector}", tmp_path).base) == "1.2.3"

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("a.json", "{", "is not valid JSON"),
            ("a.json", "[]", "has no field version with a string"),
            ("a.json", '{"version": 1}', "has no field version with a string"),
            ("a.toml", "= 1", "is not valid TOML"),
            ("a.toml", "[project]\nversion = 1\n", "has no field project.version with a string"),
            (
                "a.toml",
                "[project]\nname = 'x'\ndynamic = ['version']\n",
                "has no field version with a string",
            ),
            ("a.h", "#define VERSION 12", "defines no macro for a version as a string"),
            ("a.h", '#define A_VERSION "1.0.0"\n#define B_VERSION "2.0.0"', "A_VERSION, B_VERSION"),
            ("a.h#OTHER", '#define A_VERSION "1.0.0"', "does not define OTHER"),
            ("a.json", '{"version": "v1"}', "Use"),
        ],
    )
    def test_files_without_one(self, tmp_path: Path, name: str, content: str, said: str) -> None:
        (tmp_path / name.partition("#")[0]).write_text(content)
        with pytest.raises(VersionError) as caught:
            resolve(f"file:{name}", tmp_path)
        assert said in str(caught.value)
        assert name.partition("#")[0] in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("source", ["", "1.2", "GIT", "File:x", "latest"])
def test_a_literal_that_is_no_version(tmp_path: Path, source: str) -> None:
    with pytest.raises(VersionError):
        resolve(source, tmp_path)


@pytest.mark.parametrize("tag", ["V1.2.3", "v1.2.3", "1.2.3"])
def test_a_tag_with_a_capital_v_is_seen(repository: Repository, tag: str) -> None:
    repository.git("tag", tag)
    assert repository.version() == "1.2.3"
    repository.git("tag", f"lamp-{tag}")
    assert str(resolve("git:lamp-", repository.path).version(DIGEST)) == "1.2.3"


def test_a_tag_that_is_a_date_has_a_hint_that_helps(repository: Repository) -> None:
    repository.git("tag", "v2024-01-02")
    repository.commit()
    with pytest.raises(VersionError, match="the git tag 'v2024-01-02'") as refused:
        repository.version()
    hint, _, command = refused.value.hint.partition(": git ")
    assert hint == "Also tag the commit with a version, such as"
    # The command works as it is printed.
    repository.git(*command.split())
    assert repository.version() == f"2024.1.3-dev.1+g{repository.head}"


def test_a_version_file_with_a_placeholder_has_a_hint_that_helps(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("9.x\n")
    with pytest.raises(VersionError, match=r"use numbers only, such as '9\.0\.0'"):
        resolve("file:VERSION", tmp_path)
