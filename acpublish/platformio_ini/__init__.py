"""platformio.ini: reading it as PlatformIO does, and editing it without touching the rest.

Settings, ``init`` and ``doctor`` read it here and nowhere else. A build gets its options from
PlatformIO itself.
"""
