"""The check of what an image would disclose to whoever reads it."""

from __future__ import annotations

from acpublish.release.checks.model import Check, Facts, Finding, Judgement, Lacks, Severity

__all__ = ["CHECKS"]


def _secrets(facts: Facts) -> Judgement:
    if facts.secrets is None:
        yield Lacks("the bytes of the image")
        return
    severity = Severity.ERROR if facts.secrets_stop else Severity.WARNING
    for secret in facts.secrets:
        yield Finding(
            check="secrets",
            severity=severity,
            problem=f"the image holds {secret.what} ({secret.masked}) at {secret.offset:#x}",
            hint="Whoever reaches the server can read it: take it out, or accept it by its digest "
            f"{secret.digest} (accept_secrets).",
        )


CHECKS = (
    Check(
        name="secrets",
        severity=Severity.WARNING,
        explanation="The image holds no private key, no token of a known shape (such as those of "
        "AWS, GitHub, GitLab, Slack, Google, Stripe, npm, Telegram, a JWT, or a password in an "
        "address), and none of the values that the client knows to "
        "be secret: those of the variables that are named, and in PlatformIO of -D flags whose "
        "names look secret, such as a Wi-Fi password. Whoever reaches the server can read an "
        "image. With secret_scan = error it is an error; accept_secrets takes those that are meant "
        "to be there.",
        judge=_secrets,
    ),
)
