"""The framework "arduino": flags of the two chip families and the tiny runtime as libraries.

SCons runs this file from ``env.BuildFrameworks``; it is never imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SCons.Script import DefaultEnvironment

env: Any = DefaultEnvironment()
platform: Any = env.PioPlatform()
board: Any = env.BoardConfig()
chip = board.get("build.mcu")
family = "esp8266" if chip == "esp8266" else "esp32"
runtime = Path(platform.get_dir()) / "runtime"
ldscripts = Path(platform.get_dir()) / "ldscripts"

MACHINE_FLAGS = {
    "esp8266": ["-mlongcalls", "-mtext-section-literals"],
    "esp32": ["-march=rv32imc", "-mabi=ilp32", "-msmall-data-limit=0"],
}
machine = MACHINE_FLAGS[family]
ccflags = ["-Os", "-Wall", "-ffunction-sections", "-fdata-sections", "-ffreestanding"]

env.Append(
    ASPPFLAGS=["-x", "assembler-with-cpp", *machine],
    CCFLAGS=[*machine, *ccflags, "-fno-tree-loop-distribute-patterns"],
    CFLAGS=["-std=gnu17"],
    CXXFLAGS=[
        *("-std=gnu++17", "-fno-exceptions", "-fno-rtti"),
        *("-fno-threadsafe-statics", "-fno-use-cxa-atexit"),
    ],
    CPPDEFINES=[
        ("ARDUINO", 10805),
        ("F_CPU", "$BOARD_F_CPU"),
        ("ARDUINO_BOARD", '\\"{}\\"'.format(board.get("name").replace('"', ""))),
        ("ARDUINO_VARIANT", '\\"{}\\"'.format(board.get("build.variant"))),
    ],
    CPPPATH=[str(runtime / "common"), str(runtime / family)],
    LINKFLAGS=[*machine, "-nostdlib", "-static", "-Wl,--gc-sections"],
    LIBS=["gcc"],
)

core = [
    env.BuildLibrary("$BUILD_DIR/FrameworkArduino", str(runtime / "common")),
    env.BuildLibrary("$BUILD_DIR/FrameworkArduinoChip", str(runtime / family)),
]
env.Prepend(LIBS=core)
if any("ACP_BALLAST" in str(define) for define in env.get("CPPDEFINES", [])):
    # Nothing refers to the ballast: the linker takes it out of its library only when asked to.
    env.Append(LINKFLAGS=["-Wl,-u,acp_ballast"])

if family == "esp8266":
    loader_flags = f"{' '.join(machine)} -Os -ffreestanding -nostdlib -static"
    env.Command(
        "$BUILD_DIR/eboot.elf",
        str(Path(platform.get_dir()) / "eboot" / "eboot.c"),
        env.VerboseAction(
            f'$CC {loader_flags} -T "{ldscripts / "eboot.ld"}" -o $TARGET $SOURCE',
            "Linking $TARGET",
        ),
    )
