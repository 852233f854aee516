"""The Python client of an update server: ours, and any that speaks the original protocol.

Importing this package loads the standard library only; requests, which costs 150 ms, is loaded when
something is sent. :mod:`acpublish.client.update_server` lists and downloads,
:mod:`acpublish.client.remote` is the same server as a catalog of releases.
"""
