"""Sets up a PlatformIO project or an Arduino core for publishing, and reverts that."""
