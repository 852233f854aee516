"""The management API: publishing over HTTP, and reading what is published, as JSON."""
