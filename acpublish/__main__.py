"""``python -m acpublish``: the same as the command ``acpublish``."""

import sys

from acpublish.cli import main

if __name__ == "__main__":
    sys.exit(main())
