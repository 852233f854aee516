"""The web page for people: ``/`` in a browser, and everything below ``/_/``."""
