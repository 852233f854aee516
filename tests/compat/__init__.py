"""Catalogs as each released version wrote them: what is written once must be readable for good."""
