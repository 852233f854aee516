"""Where releases are stored: the catalog directory, and the files copied into it by hand."""
