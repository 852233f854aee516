from __future__ import annotations

import sys
from pathlib import Path

import pytest

from acpublish.errors import (
    AcpublishError,
    BadNameError,
    MissingExtraError,
    SettingsError,
    VersionError,
)
from acpublish.settings.layers import Layer, arguments, environment, flags, ini
from acpublish.settings.values import Settings

PROJECT = Path("/project")


def settings(
    given: dict[str, str | None] | None = None,
    environ: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Settings:
    return Settings(
        flags(given or {}), environment(environ or {}), ini((options or {}).get, PROJECT)
    )


def test_flags_before_environment_before_ini_before_default() -> None:
    layers = ({"channel": "a"}, {"ACPUBLISH_CHANNEL": "b"}, {"custom_ota_channel": "c"})
    assert settings(*layers).text("channel") == "a"
    assert settings({}, *layers[1:]).text("channel") == "b"
    assert settings({}, {}, layers[2]).text("channel") == "c"
    assert settings().text("channel") is None


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_text_is_not_given(empty: str) -> None:
    found = settings({}, {"ACPUBLISH_CHANNEL": empty}, {"custom_ota_channel": "c"})
    assert found.text("channel") == "c"
    # An empty option is a variable that a script has not set; what is in a file is not meant.
    with pytest.raises(SettingsError, match="--channel is empty"):
        settings({"channel": empty}, {}, {"custom_ota_channel": "c"})


def test_an_error_says_where_the_value_came_from() -> None:
    for layers, origin in (
        (({"product": "A b"}, {"ACPUBLISH_PRODUCT": "x"}), "--product"),
        (({}, {"ACPUBLISH_PRODUCT": "A b"}, {"custom_ota_product": "x"}), "ACPUBLISH_PRODUCT"),
        (({}, {}, {"custom_ota_product": "A b"}), "custom_ota_product"),
    ):
        with pytest.raises(BadNameError) as caught:
            settings({"to": "x", **layers[0]}, *layers[1:]).publish_options()
        assert caught.value.problem.startswith(f"{origin}: the product name 'A b'")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("product", "x" * 200, "the limit is 31"),
        ("board", "d1 mini", "d1-mini"),
        ("channel", "Beta", "beta"),
        ("to", "ftp://example.invalid/", "http(s) URL"),
        ("to", "127.0.0.1:8000", "Write http://127.0.0.1:8000"),
        ("chip", "esp9", "is not a known chip"),
    ],
)
def test_a_bad_variable_is_named_with_what_to_write(name: str, value: str, said: str) -> None:
    given = {"to": "x", "product": "lamp", "version": "1.0.0", "board": "d1"}
    given.pop(name, None)
    with pytest.raises(AcpublishError) as caught:
        settings(dict(given), {f"ACPUBLISH_{name.upper()}": value}).publish_options()
    assert caught.value.problem.startswith(f"ACPUBLISH_{name.upper()}: ")
    assert said in str(caught.value)


def test_who_publishes_and_how_far_devices_go_back() -> None:
    given = {"to": "x", "product": "lamp", "version": "1.0.0", "board": "d1"}
    environ = {"ACPUBLISH_BY": "ci", "ACPUBLISH_NO_DOWNGRADE_BELOW": "2.0.0"}
    made = settings(dict(given), environ).publish_options()
    assert (str(made.no_downgrade_below), made.by) == ("2.0.0", "ci")
    flags_first = {**given, "by": "anna", "no_downgrade_below": "3.0.0"}
    first = settings(dict(flags_first), environ).publish_options()
    assert (str(first.no_downgrade_below), first.by) == ("3.0.0", "anna")
    required = {"custom_ota_requires": ">=1.4.0"}
    assert settings(dict(given), {}, required).publish_options().requires == ">=1.4.0"
    with pytest.raises(VersionError, match=r"^ACPUBLISH_REQUIRES: '1.4' is not a comparison"):
        settings(dict(given), {"ACPUBLISH_REQUIRES": "1.4"}).publish_options()
    plain = settings(dict(given)).publish_options()
    assert plain.requires is None
    assert (plain.no_downgrade_below, plain.by) == (None, "")
    ini_options = {"custom_ota_no_downgrade_below": "two"}
    with pytest.raises(VersionError, match=r"^custom_ota_no_downgrade_below: 'two'"):
        settings(dict(given), {}, ini_options).publish_options()
    with pytest.raises(SettingsError, match=r"^ACPUBLISH_BY: the name contains a control"):
        settings(dict(given), {"ACPUBLISH_BY": "a\x1bb"}).publish_options()


def test_the_core_goes_into_the_provenance_and_wins_over_what_was_found_out() -> None:
    given = {"to": "x", "product": "lamp", "version": "1.0.0", "board": "d1"}
    found = settings({**given, "core": "3.1.2"}, {"ACPUBLISH_COMPRESS": "yes"}).publish_options(
        provenance={"core": "2.6.3", "commit": "abc"}
    )
    assert found.provenance == {"core": "3.1.2", "commit": "abc"}
    assert found.compress
    plain = settings(dict(given), {}, {"custom_ota_core": "2.7.4"}).publish_options()
    assert (plain.provenance, plain.compress) == ({"core": "2.7.4"}, False)
    with pytest.raises(VersionError, match=r"--core: '3\.1' is not a version"):
        settings({**given, "core": "3.1"}).publish_options()


@pytest.mark.parametrize("missing", ["to", "product", "version", "board"])
def test_what_is_missing_is_named_with_all_its_places(missing: str) -> None:
    given = {"to": "x", "product": "lamp", "version": "1.0.0", "board": "d1"}
    del given[missing]
    with pytest.raises(SettingsError) as caught:
        settings(dict(given)).publish_options()
    what = "destination" if missing == "to" else missing
    assert caught.value.problem == f"no {what} is given"
    for place in (f"custom_ota_{missing}", f"ACPUBLISH_{missing.upper()}", f"--{missing}"):
        assert place in caught.value.hint


def test_defaults_are_the_callers() -> None:
    options = settings({"to": "x", "version": "git"}).publish_options(
        product="lamp", board="d1", chip="esp8266", provenance={"commit": "abc"}
    )
    assert (options.product, options.board, options.chip) == ("lamp", "d1", "esp8266")
    assert (options.channel, options.kind, options.version_source) == (None, "firmware", "git")
    assert options.provenance == {"commit": "abc"}


class TestDestination:
    def test_a_directory_of_the_ini_is_seen_from_the_project(self) -> None:
        assert settings({}, {}, {"custom_ota_to": "bin"}).destination().to == "/project/bin"
        assert settings({}, {}, {"custom_ota_to": "/srv/x"}).destination().to == "/srv/x"
        home = settings({}, {}, {"custom_ota_to": "~/bin"}).destination().to
        assert home == str(Path("~/bin").expanduser())

    def test_one_of_a_flag_or_variable_is_seen_from_here(self) -> None:
        assert settings({"to": "bin"}).destination().to == "bin"
        found = settings({}, {"ACPUBLISH_TO": "bin"}, {"custom_ota_to": "other"})
        assert found.destination().to == "bin"

    def test_a_server(self) -> None:
        found = settings(
            {}, {"ACPUBLISH_TOKEN": "t", "ACPUBLISH_INSECURE_HTTP": "yes"},
            {"custom_ota_to": "http://h:8000/"},
        ).destination()  # fmt: skip
        assert (found.to, found.token, found.insecure_http) == ("http://h:8000", "t", True)

    def test_a_token_of_the_ini_is_not_read(self) -> None:
        found = settings({"to": "http://h"}, {}, {"custom_ota_token": "t"}).destination()
        assert found.token is None

    @pytest.mark.parametrize(
        "to",
        ["ftp://h", "http://", "http://h:port", "http://h:99999", "http://[::1", "file:///x",
         "http://user:secret@h", "http://:secret@h"],
    )  # fmt: skip
    def test_an_address_that_cannot_be_used(self, to: str) -> None:
        with pytest.raises(SettingsError) as caught:
            settings({"to": to}).destination()
        assert caught.value.problem.startswith("--to: ")
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("to", ["192.168.1.1:8000", "localhost:8000/x", "ota.example.com:80"])
    def test_a_server_without_its_scheme(self, to: str) -> None:
        with pytest.raises(SettingsError, match=f"Write http://{to}, or ./{to}"):
            settings({"to": to}).destination()

    @pytest.mark.parametrize("to", ["C:/firmware", "a:b", "./192.168.1.10:8000", "firmware"])
    def test_a_directory_with_a_colon(self, to: str) -> None:
        assert not settings({"to": to}).destination().is_server


def test_a_chip_that_is_none() -> None:
    for chip in ("esp8266", "esp32c3", "chip-99"):
        assert settings({"chip": chip}).check_options().chip == chip
    with pytest.raises(
        SettingsError, match=r"--chip: .esp9. is not a known chip\. Use one of: esp8266, esp32"
    ):
        settings({"chip": "esp9"}).check_options()


def test_a_file_that_is_no_private_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("root:x:0:0\n")
    with pytest.raises(SettingsError, match="does not contain a private key"):
        settings({"signing_key": str(tmp_path / "key")}).signing_key()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("yes", True), ("ON", True), ("1", True), ("true", True), ("no", False), ("Off", False),
     ("0", False), ("false", False)],
)  # fmt: skip
def test_yes_and_no(text: str, expected: bool) -> None:
    assert settings({}, {}, {"custom_ota_on_build": text}).flag("on_build") is expected
    assert settings().flag("on_build") is False


def test_other_words_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"--on-build: 'maybe' is neither yes nor no"):
        settings({"on_build": "maybe"}).flag("on_build")
    given = {"to": "x", "product": "a", "version": "1.0.0", "board": "b", "kind": "sketch"}
    with pytest.raises(SettingsError, match=r"--kind: 'sketch' is not a kind of image"):
        settings(dict(given)).publish_options()


def test_a_signing_key_is_a_file_seen_from_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    option = {"custom_ota_signing_key": "key.pem"}
    found = Settings(ini(option.get, tmp_path))
    assert found.signing_key() == tmp_path / "key.pem"
    assert settings({"signing_key": str(tmp_path / "key.pem")}, {}, option).signing_key() == (
        tmp_path / "key.pem"
    )
    assert settings().signing_key() is None
    with pytest.raises(SettingsError, match=r"KEY: the key .* cannot be read: is a directory"):
        settings({}, {"ACPUBLISH_SIGNING_KEY": str(tmp_path)}).signing_key()
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match="custom_ota_signing_key: "):
        found.signing_key()


@pytest.mark.parametrize(
    ("layers", "hint"),
    [
        ((flags({}), environment({})), "Set --product or ACPUBLISH_PRODUCT."),
        (
            (environment({}), ini({}.get, PROJECT)),
            "Set custom_ota_product in platformio.ini or ACPUBLISH_PRODUCT.",
        ),
        ((arguments({}),), "Set the argument product."),
    ],
)
def test_what_is_missing_is_to_be_given_where_it_is_read(
    layers: tuple[Layer, ...], hint: str
) -> None:
    with pytest.raises(SettingsError, match="no product is given") as caught:
        Settings(*layers).checked("product", str)
    assert caught.value.hint == hint


def test_where_to_publish_is_missing_in_words() -> None:
    with pytest.raises(SettingsError, match="no destination is given") as caught:
        Settings(flags({}), environment({})).destination()
    assert caught.value.hint.startswith(
        "Set --to or ACPUBLISH_TO, to a directory or the URL of a server"
    )


def test_a_version_out_of_a_variable() -> None:
    given = {"to": "x", "product": "lamp", "version": "env:TAG", "board": "d1"}
    for text in ("1.2.3", "v1.2.3", " 1.2.3\n"):
        assert settings(dict(given), {"TAG": text}).publish_options().version_source == "1.2.3"
        assert settings({}, {"TAG": text}, {"custom_ota_version": "env:TAG"}).version_source() == (
            "1.2.3"
        )
    for environ, said in (
        ({}, "TAG is not set"),
        ({"TAG": "main"}, "variable TAG does not contain a version"),
    ):
        with pytest.raises(VersionError, match=said) as caught:
            settings(dict(given), environ).publish_options()
        assert caught.value.problem.startswith("--version: ")
        assert "main" not in str(caught.value)
    assert settings().version_source() is None
