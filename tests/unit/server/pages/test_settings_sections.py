"""What the sections of the settings share."""

from __future__ import annotations

from acpublish.errors import BadNameError, SettingsError
from acpublish.server.device_access_file import DeviceAccessError
from acpublish.server.pages.settings_sections import wrong


def test_only_what_was_typed_is_shown_with_its_words() -> None:
    assert wrong(SettingsError("it is wrong", hint="Mend it."))[:3] == (
        400,
        "request",
        "it is wrong",
    )
    assert wrong(BadNameError("it is wrong", hint="Mend it.")).problem == "it is wrong"
    damaged = wrong(DeviceAccessError("/srv/state is damaged", hint="Restore it."))
    assert (damaged.status, "/srv" in damaged.problem) == (500, False)
