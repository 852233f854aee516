"""The only reader of flags, environment variables and settings files, and their order.

    flags > environment variables > platformio.ini > acpublish.toml > [tool.acpublish] of
    pyproject.toml > the user's file > default

A value is checked once, here, and an error says where it came from. A token is never read from a
settings file, because such files are shared.
"""
