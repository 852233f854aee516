"""The software device: requests, downloads and checks as ESP8266HTTPUpdate and HTTPUpdate do.

Its requests are byte for byte those of the C++ code, and it fails where that fails, with the same
words. Use it for tests, for demonstrations, and to see a server from a device's side.

:func:`.updater.run` performs one update; :class:`.updater.Device` also lists and installs as
AutoConnectUpdate does.
"""
