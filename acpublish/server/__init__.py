"""The update server: HTTP only. What to offer is decided in :mod:`acpublish.release`.

Nothing is imported here: starlette and uvicorn belong to the ``server`` extra, and
:mod:`acpublish.server.run` reports it if they are missing.
"""
