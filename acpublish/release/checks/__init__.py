"""The pre-flight checks: pure, run before the first byte is sent and again on what was received.

Each check has a name, which both sides and scripts use. A check that lacks the facts it needs
reports that, instead of passing silently.
"""
