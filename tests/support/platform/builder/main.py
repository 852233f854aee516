"""The build script: the same target graph as the espressif8266 and espressif32 platforms have.

firmware.elf -> firmware.bin, with the targets buildprog, checkprogsize, size, upload, buildfs,
uploadfs and nobuild. SCons runs this file; it is never imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SCons.Script import (
    COMMAND_LINE_TARGETS,
    AlwaysBuild,
    Builder,
    Default,
    DefaultEnvironment,
)

FLASH_MODES = {"qio": "dio", "qout": "dout"}
FS_SIZE_BYTES = 64 * 1024

env: Any = DefaultEnvironment()
platform: Any = env.PioPlatform()
board: Any = env.BoardConfig()
chip = board.get("build.mcu")
toolchain = "xtensa-lx106-elf" if chip == "esp8266" else "riscv64-unknown-elf"
tools = Path(platform.get_dir()) / "tools"
esptool = Path(platform.get_package_dir("tool-esptoolpy") or "") / "esptool.py"
filesystem = board.get("build.filesystem", "littlefs")
fs_name_key = "ESP8266_FS_IMAGE_NAME" if chip == "esp8266" else "ESP32_FS_IMAGE_NAME"


def flash_frequency() -> str:
    """Returns the board's flash frequency in MHz, as esptool writes it."""
    return f"{int(str(board.get('build.f_flash')).rstrip('L')) // 1_000_000}m"


env.Replace(
    AR=f"{toolchain}-ar",
    AS=f"{toolchain}-as",
    CC=f"{toolchain}-gcc",
    CXX=f"{toolchain}-g++",
    RANLIB=f"{toolchain}-ranlib",
    SIZETOOL=f"{toolchain}-size",
    ARFLAGS=["rc"],
    OBJCOPY=str(esptool),
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
    PROGSUFFIX=".elf",
)
env[fs_name_key] = env.get(fs_name_key, filesystem)

if chip == "esp8266":
    env.Replace(
        SIZEPROGREGEXP=r"^(?:\.irom0\.text|\.text|\.text1|\.data|\.rodata)\s+([0-9]+).*",
        SIZEDATAREGEXP=r"^(?:\.data|\.rodata|\.bss)\s+([0-9]+).*",
    )
    elf_to_bin = (
        f'"$PYTHONEXE" "{tools / "elf2bin.py"}" --eboot "$BUILD_DIR/eboot.elf" --app $SOURCE'
        f" --flash-mode $BOARD_FLASH_MODE --flash-freq {flash_frequency()}"
        f" --flash-size {board.get('upload.flash_size')}"
        f"{' --gzip' if board.get('build.gzip_fw', False) else ''} --out $TARGET"
    )
else:
    env.Replace(
        SIZEPROGREGEXP=r"^(?:\.iram0\.text|\.dram0\.data|\.flash\.(?:appdesc|text|rodata))\s+([0-9]+).*",
        SIZEDATAREGEXP=r"^(?:\.dram0\.data|\.dram0\.bss)\s+([0-9]+).*",
    )
    flash_mode = board.get("build.flash_mode")
    elf_to_bin = (
        f'"$PYTHONEXE" "$OBJCOPY" --chip {chip} elf2image'
        f" --flash-mode {FLASH_MODES.get(flash_mode, flash_mode)} --flash-freq {flash_frequency()}"
        f" --flash-size {board.get('upload.flash_size')} --elf-sha256-offset 0xb0"
        " -o $TARGET $SOURCE"
    )

# A "pre:" script may have chosen another name.
if env.get("PROGNAME", "program") == "program":
    env.Replace(PROGNAME="firmware")

env.Append(
    BUILDERS={
        "ElfToBin": Builder(
            action=env.VerboseAction(elf_to_bin, "Building $TARGET"),
            suffix=".bin",
        ),
        "DataToBin": Builder(
            action=env.VerboseAction(
                f'"$PYTHONEXE" "{tools / "mkfs.py"}" --size {FS_SIZE_BYTES} $SOURCE $TARGET',
                "Building FS image from '$SOURCES' directory to $TARGET",
            ),
            source_factory=env.Dir,
            suffix=".bin",
        ),
    }
)

filesystem_wanted = {"buildfs", "uploadfs", "uploadfsota"} & set(COMMAND_LINE_TARGETS)
image_name = f"${{{fs_name_key}}}" if filesystem_wanted else "${PROGNAME}"
target_elf: Any
target_image: Any
if "nobuild" in COMMAND_LINE_TARGETS:
    target_elf = f"$BUILD_DIR/${{PROGNAME}}{env['PROGSUFFIX']}"
    target_image = f"$BUILD_DIR/{image_name}.bin"
else:
    target_elf = env.BuildProgram()
    if filesystem_wanted:
        target_image = env.DataToBin(f"$BUILD_DIR/{image_name}", "$PROJECT_DATA_DIR")
        env.NoCache(target_image)
        AlwaysBuild(target_image)
    else:
        target_image = env.ElfToBin(f"$BUILD_DIR/{image_name}", target_elf)
        # As platform-espressif32 6.13.0 signs (builder/main.py).
        if env.get("PIO_ESP32_SIGNATURE_REQUIRED") or env.get(
            "PIO_ESP32_SECURE_BOOT_BUILD_SIGNED_BINARIES"
        ):
            target_image = env.SignBin("$BUILD_DIR/${PROGNAME}-signed", target_image)
        env.Depends(target_image, "checkprogsize")
        if chip == "esp8266":
            env.Depends(target_image, "$BUILD_DIR/eboot.elf")

env.AddPlatformTarget("buildfs", target_image, target_image, "Build Filesystem Image")
AlwaysBuild(env.Alias("nobuild", target_image))
target_buildprog = env.Alias("buildprog", target_image, target_image)
target_size = env.AddPlatformTarget(
    "size",
    target_elf,
    env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE"),
    "Program Size",
    "Calculate program size",
)

if env.subst("$UPLOAD_PROTOCOL") != "custom":
    env.Replace(
        UPLOADER=str(esptool),
        UPLOADERFLAGS=[
            *("--chip", chip, "--port", '"$UPLOAD_PORT"', "--baud", "$UPLOAD_SPEED"),
            *("write-flash", "0x0" if chip == "esp8266" else "0x10000"),
        ],
        UPLOADCMD='"$PYTHONEXE" "$UPLOADER" $UPLOADERFLAGS $SOURCE',
    )
upload_actions = [env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")]
env.AddPlatformTarget("upload", target_image, upload_actions, "Upload")
env.AddPlatformTarget("uploadfs", target_image, upload_actions, "Upload Filesystem Image")

Default([target_buildprog, target_size])
