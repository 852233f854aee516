"""A user's project builds in the bed as it is, but for what it would have to download."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pio import (
    PLATFORM_DIR,
    Project,
    offline_ini,
)

pytestmark = pytest.mark.pio


USER_INI = """\
; A comment stays.
[platformio]
default_envs = lamp

[common]
build_flags = -DCOMMON

[env]
framework = arduino
platform = espressif8266@4.2.1
lib_deps =
    hieromon/AutoConnect@^1.4.2

    bblanchon/ArduinoJson
monitor_speed = 115200

[env:lamp]
board = d1_mini
build_flags =
    ${common.build_flags}
    -DLAMP

[env:other]
platform = https://github.com/platformio/platform-espressif32.git
platform_packages = toolchain-riscv32-esp @ 8.4.0
board = esp32dev
"""


USER_SKETCH = """\
#include <Arduino.h>
#ifdef ARDUINO_ARCH_ESP8266
#include <ESP8266HTTPClient.h>
#include <ESP8266WiFi.h>
#include <ESP8266httpUpdate.h>
#define httpUpdate ESPhttpUpdate
#else
#include <HTTPClient.h>
#include <HTTPUpdate.h>
#include <WiFi.h>
#include <esp_app_desc.h>
#endif
#ifndef ACP_NO_LIBRARIES
#include <AutoConnect.h>
AutoConnect portal;
#endif

static const char note[] PROGMEM = "kept in flash";
WiFiClient client;
volatile float analog = 1.5f;

void setup()
{
    Serial.begin(115200);
    WiFi.mode(WIFI_STA);
    WiFi.begin("network", "password");
    while (WiFi.status() != WL_CONNECTED) delay(100);
    Serial.println(WiFi.localIP());
    Serial.println(FPSTR(note));
    Serial.printf("%d\\n", 1);
    Serial.println(analog * 0.5f / 3);
    Serial.println(millis() * 1000ULL / 7 > 5);
}

void loop()
{
    switch (httpUpdate.update(client, "http://192.0.2.9:8000/update/lamp/board", F("1.0.0"))) {
    case HTTP_UPDATE_FAILED: Serial.println(httpUpdate.getLastErrorString().c_str()); break;
    case HTTP_UPDATE_NO_UPDATES: Serial.println(F("up to date")); break;
    case HTTP_UPDATE_OK: Serial.println(String("ok ") + String(1)); break;
    }
}
"""


def test_a_users_project_builds_offline(pio_core: Path, pio_python: str, tmp_path: Path) -> None:
    example = tmp_path / "example"
    (example / "src").mkdir(parents=True)
    (example / "platformio.ini").write_text(USER_INI)
    (example / "src" / "main.cpp").write_text(USER_SKETCH)

    project = Project.copy(example, tmp_path / "copies", core=pio_core, python=pio_python)
    run = project.run("-e", "lamp", "-e", "other")

    assert run.ok, run.stdout
    for name in ("lamp", "other"):
        image = project.image(name).read_bytes()
        assert b"kept in flash" in image
        assert b"http://192.0.2.9:8000/update/lamp/board" in image
    assert (example / "platformio.ini").read_text() == USER_INI


def test_offline_ini_replaces_the_platform_and_leaves_out_the_libraries() -> None:
    text = offline_ini(USER_INI)

    assert text.count(f"platform = symlink://{PLATFORM_DIR}\n") == 2
    assert "; A comment stays." in text
    assert "monitor_speed = 115200" in text
    for gone in ("AutoConnect", "ArduinoJson", "lib_deps", "espressif", "toolchain"):
        assert gone not in text
    assert "[env]\nbuild_flags = -DACP_NO_LIBRARIES\n" in text
    assert "build_flags = -DACP_NO_LIBRARIES\n    ${common.build_flags}\n    -DLAMP\n" in text


def test_offline_ini_adds_a_common_section_where_there_is_none() -> None:
    text = offline_ini("[env:c3]\nplatform = espressif32\nboard = esp32-c3-devkitm-1\n")

    assert text.endswith("\n[env]\nbuild_flags = -DACP_NO_LIBRARIES\n")


def test_offline_ini_refuses_a_board_that_the_bed_does_not_have() -> None:
    with pytest.raises(ValueError, match="'uno' is none of d1_mini, esp32-c3"):
        offline_ini("[env:x]\nboard = uno\n")
