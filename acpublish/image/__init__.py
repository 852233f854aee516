"""Images: bytes in, facts or bytes out, no I/O.

- ``reader.read`` returns all that is known of a file; any bytes give a result.
- ``stamper.stamp`` writes product and version into a sound application image.
- ``comparison.compare`` returns what changed between two files.
- ``gzip.compress`` makes the gzip that an ESP8266 inflates.
- ``partition_table.read_partitions`` reads the table that an image has to fit into.
- ``examine.outline`` finds out from the headers alone whether a file is complete.
- ``signing.sign`` signs an image for the updater of an ESP8266.
"""
