"""Releases: names, versions, manifests, and the pure rules over them. No I/O."""
