"""Where releases live: the directory catalog, and the files that were copied in by hand."""
