"""Reading platformio.ini as PlatformIO does: sections, ``extends``, ``${...}``, ``extra_configs``.

The one reader of the house: settings, ``init`` and ``doctor`` all ask here.
"""
