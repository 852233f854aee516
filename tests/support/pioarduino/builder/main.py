"""The build script: the test bed's, and what pioarduino's does beyond it.

Mirrors pioarduino's platform-espressif32 55.03.311: ``esp32_create_combined_bin`` of
builder/main.py merges firmware.factory.bin in the first action after the image; ``idf_lib_copy`` of
builder/frameworks/espidf.py, with the option ``custom_sdkconfig``, ends a first pass in a ``pio
run`` of its own without the arguments of the parent. Building the libraries of ESP-IDF is left out.

SCons runs this file; it is never imported.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from SCons.Script import COMMAND_LINE_TARGETS, DefaultEnvironment

env: Any = DefaultEnvironment()
platform: Any = env.PioPlatform()
env.Replace(PYTHONEXE=platform.penv_python)
env.SConscript(str(Path(platform.get_dir()).parent / "platform" / "builder" / "main.py"))


def merge(source: Any, target: Any, env: Any) -> None:
    """Merges the image into firmware.factory.bin."""
    image = env.subst("$BUILD_DIR/${PROGNAME}.bin")
    merged = env.subst("$BUILD_DIR/${PROGNAME}.factory.bin")
    command = ["--chip", env.BoardConfig().get("build.mcu"), "merge-bin", "-o", merged]
    subprocess.run(
        [env.subst("$PYTHONEXE"), "-m", "esptool", *command, "0x10000", image],
        check=True,
        capture_output=True,
    )


def build_libraries(source: Any, target: Any, env: Any) -> None:
    """Ends the first pass: cleans the build directory, and builds the program in a child."""
    shutil.rmtree(env.subst("$BUILD_DIR"))
    Path(env.subst("$PROJECT_DIR"), f"sdkconfig.{env['PIOENV']}").write_text("built\n")
    targets = " ".join(f'-t "{name}"' for name in COMMAND_LINE_TARGETS if name != "checkprogsize")
    command = f'"$PYTHONEXE" -m platformio run -e "{env["PIOENV"]}" {targets}'
    env.Exit(env.Execute(env.VerboseAction(command, "*** Starting Arduino compile ***")) or 0)


env.AddPostAction("$BUILD_DIR/${PROGNAME}.bin", env.Action(merge, None))
if (
    env.GetProjectOption("custom_sdkconfig", "")
    and not Path(env.subst("$PROJECT_DIR"), f"sdkconfig.{env['PIOENV']}").is_file()
):
    env.AddPostAction("checkprogsize", env.Action(build_libraries, None))
