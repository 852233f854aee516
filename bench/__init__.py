"""Benchmarks: the update server compared with nginx, and what the hook adds to a build.

``python -m bench`` runs them all; docs/benchmarks.md describes them.
"""
