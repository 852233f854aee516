"""acpublish's hook: copy it beside platformio.ini, then extra_scripts = post:acpublish_ota.py."""

import sys

Import("env")  # noqa: F821

try:
    from acpublish.pio import setup
except ImportError:
    sys.exit(
        f'acpublish: error: not installed here. Run: "{sys.executable}" -m pip install acpublish'
    )
setup(env)  # noqa: F821
