"""Images: bytes in, facts or bytes out, no I/O.

- :func:`read` tells all that can be told of a file; any bytes give a result.
- :func:`stamp` writes product and version into a sound application image.
- :func:`compare` tells what changed between two files.
- :func:`compress` makes the gzip that an ESP8266 inflates.
- :func:`read_partitions` reads the table that says where an image shall fit.
- :func:`outline` tells by headers alone whether a file is whole.
"""
