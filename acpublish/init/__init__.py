"""Sets a project up for publishing, and takes that away again: ``acpublish init``."""
