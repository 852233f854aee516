from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.settings.layers import arguments, environment, flags, ini, layer
from acpublish.settings.setting_names import NAMES, NOT_IN_INI


def test_a_layer_has_what_is_set_without_spaces_around_it() -> None:
    found = layer({"to": " x \n", "board": "", "kind": "  ", "chip": None}, str.upper)
    assert found.values == {"to": "x"}
    assert found.in_full("to") == "TO"


def test_each_source_has_its_own_names() -> None:
    variables = environment({f"ACPUBLISH_{name.upper()}": "x" for name in NAMES})
    assert set(variables.values) == set(NAMES)
    assert variables.origin("skip_checks") == "ACPUBLISH_SKIP_CHECKS"
    options = flags(dict.fromkeys(NAMES, "x"))
    assert options.origin("skip_checks") == "--skip-check"
    assert options.origin("insecure_http") == "--insecure-http"
    project = ini(lambda key: "x", Path("/p"))
    assert set(project.values) == set(NAMES) - NOT_IN_INI
    assert project.origin("to") == "custom_ota_to"
    assert project.in_full("to") == "custom_ota_to in platformio.ini"
    named = arguments({"to": "x", "kind": "y"}, {"to": "URL"})
    assert (named.origin("to"), named.in_full("to")) == ("URL", "the argument URL")
    assert named.in_full("kind") == "the argument kind"


def test_only_the_command_line_may_name_standard_input() -> None:
    assert flags({}).stdin
    assert not environment({}).stdin
    assert not arguments({}).stdin
    assert not ini(lambda key: None, Path()).stdin


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_option_is_named(empty: str) -> None:
    with pytest.raises(SettingsError, match="--accept-secret is empty"):
        flags({"accept_secrets": empty})


def test_variables_are_kept_but_never_shown() -> None:
    layers = (environment({"SECRET": "s3cret"}), arguments({}, variables={"SECRET": "s3cret"}))
    for found in layers:
        assert found.variables == {"SECRET": "s3cret"}
        assert "s3cret" not in repr(found)


def test_options_that_are_no_settings_draw_a_warning() -> None:
    options = {"custom_ota_chanel": "x", "custom_other": "y", "custom_ota_chip": "z"}
    (warning,) = ini(options.get, Path(), options).ignored
    assert str(warning) == (
        "custom_ota_chanel in platformio.ini is not a setting of acpublish. "
        "Write custom_ota_channel, if that is what you mean."
    )


def test_a_token_in_platformio_ini_draws_a_warning_and_is_not_a_value() -> None:
    found = ini({"custom_ota_token": "s3cret"}.get, Path())
    assert found.values == {}
    assert tuple(map(str, found.ignored)) == (
        "custom_ota_token is not used, because platformio.ini is usually shared. Move it to the "
        "environment variable ACPUBLISH_TOKEN, or to a private file whose path you set as "
        "custom_ota_token_file.",
    )
    assert ini({"custom_ota_token": " "}.get, Path()).ignored == ()
