"""The pre-flight checks: pure, run before the first byte is sent and again on what was received.

Each check has a name, so that both sides and a script speak of the same thing. One that lacks the
facts it needs says so, instead of passing in silence.
"""
