"""The command line, as the tests of its commands have it."""

from tests.unit.cli.conftest import acpublish

__all__ = ["acpublish"]
