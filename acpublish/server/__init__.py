"""The update server: HTTP only. What to offer is decided in :mod:`acpublish.release`.

Nothing is imported here: starlette and uvicorn belong to the extra ``server``, and
``acpublish.server.run`` says so where they are missing.
"""
