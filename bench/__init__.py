"""Benchmarks: the update server beside nginx, and what the hook adds to a build.

``python -m bench`` runs them all; docs/benchmarks.md says what each one measures.
"""
