"""The framework "espidf", with the runtime of the framework "arduino" instead of ESP-IDF.

Mirrors builder/frameworks/espidf.py of platform-espressif32 6.13.0 (pioarduino 55.03.311 is alike):
src/ is compiled with clones that are made here, before ``post:`` scripts; the configuration is in
config/sdkconfig.json of the build directory; and secure boot signs the image. CMake, which writes
that file there, is replaced by reading sdkconfig.defaults.

SCons runs this file from ``env.BuildFrameworks``; it is never imported.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from SCons.Script import COMMAND_LINE_TARGETS, DefaultEnvironment

env: Any = DefaultEnvironment()
platform: Any = env.PioPlatform()
env.SConscript(str(Path(platform.get_dir()) / "builder" / "frameworks" / "arduino.py"))


def configuration() -> dict[str, Any]:
    """Returns the options of sdkconfig.defaults, as ESP-IDF writes them to sdkconfig.json."""
    path = Path(env.subst("$PROJECT_DIR"), "sdkconfig.defaults")
    lines = path.read_text().splitlines() if path.is_file() else []
    options = dict(line.removeprefix("CONFIG_").split("=", 1) for line in lines if "=" in line)
    return {name: value == "y" or value.strip('"') for name, value in options.items()}


config = configuration()
config_file = Path(env.subst("$BUILD_DIR"), "config", "sdkconfig.json")
config_file.parent.mkdir(parents=True, exist_ok=True)
config_file.write_text(json.dumps(config))

env.Append(
    BUILDERS={
        "SignBin": env.Builder(
            action=env.VerboseAction(
                '"$PYTHONEXE" -m espsecure sign-data --version $PIO_ESP32_SECURE_BOOT_VERSION'
                ' --keyfile "$PIO_ESP32_SECURE_BOOT_SIGNING_KEY" -o "$TARGET" "$SOURCE"',
                "Generating signed image $TARGET from $SOURCE",
            ),
            suffix=".bin",
        )
    },
    PIO_ESP32_SIGNATURE_REQUIRED="sign" in COMMAND_LINE_TARGETS,
)
if config.get("SECURE_BOOT"):
    env["PIO_ESP32_SECURE_BOOT_ENABLED"] = True
    env["PIO_ESP32_SECURE_BOOT_VERSION"] = "2"
    env["PIO_ESP32_SECURE_BOOT_SIGNING_KEY"] = config.get("SECURE_BOOT_SIGNING_KEY", "")
    if config.get("SECURE_BOOT_BUILD_SIGNED_BINARIES"):
        env["PIO_ESP32_SECURE_BOOT_BUILD_SIGNED_BINARIES"] = True
    action = env["BUILDERS"]["ElfToBin"].action
    action.cmd_list = action.cmd_list.replace(" -o ", " --secure-pad-v2 -o ", 1)

# PlatformIO itself would compile src/ with projenv, which an espidf build does not.
sources = env.MatchSourceFiles("$PROJECT_SRC_DIR", env.get("SRC_FILTER"), ["c", "cpp"])
env.Replace(SRC_FILTER=["-<*>"])
project_env = env.Clone()
project_env.AppendUnique(CPPPATH=["$PROJECT_INCLUDE_DIR", "$PROJECT_SRC_DIR", "$PROJECT_DIR"])
build_env = project_env.Clone()
env.Append(
    PIOBUILDFILES=[
        build_env.StaticObject(f"$BUILD_DIR/idf/{source}.o", f"$PROJECT_SRC_DIR/{source}")
        for source in sources
    ]
)
