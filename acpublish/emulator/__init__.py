"""The software device: asks, downloads and checks as ESP8266HTTPUpdate and ESP32 HTTPUpdate do.

Its requests are byte for byte those of the C++ code, and it fails where that fails, with the same
words. It is meant for tests, demonstrations and for looking at a server from a device's side.

:func:`run` is the whole of it for one update; :class:`Device` also lists and installs as
AutoConnectUpdate does.
"""
