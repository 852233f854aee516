"""Checks of trust: what an image discloses to those who can read it, and who signed the release."""

from __future__ import annotations

from acpublish.release.checks.facts import Check, Facts, Finding, Judgement, Lacks, Severity, error
from acpublish.release.manifest import ReleaseSignature
from acpublish.release.signatures import signed_by


def _secrets(facts: Facts) -> Judgement:
    if facts.secrets is None:
        yield Lacks("the bytes of the image")
        return
    severity = Severity.ERROR if facts.secrets_stop else Severity.WARNING
    for secret in facts.secrets:
        yield Finding(
            check="secrets",
            severity=severity,
            problem=f"the image contains {secret.what} ({secret.masked}) at {secret.offset:#x}",
            hint="Anyone who can reach the server can read it: remove it, or accept it by its "
            f"digest {secret.digest} (accept_secrets).",
        )


_DISCLOSURE = (
    Check(
        name="secrets",
        severity=Severity.WARNING,
        explanation="The image does not contain a private key, a token of a known shape (such as "
        "those of AWS, GitHub, GitLab, Slack, Google, Stripe, npm, Telegram, a JWT, or a password "
        "in a URL), or a value that the client knows to be secret: those of the variables that "
        "are named and, in PlatformIO, of -D flags whose names look secret, such as a Wi-Fi "
        "password. Anyone who can reach the server can read an image. With secret_scan = error it "
        "is an error; accept_secrets accepts secrets that are meant to be there.",
        judge=_secrets,
    ),
)


_SIGN = "Publish with --key PEM, or set ACPUBLISH_SIGNING_KEY to the key's file."


def _signature(facts: Facts) -> Judgement:
    if facts.trusted_keys is None:
        yield Lacks("the keys that the product trusts")
        return
    if not facts.trusted_keys:
        return
    if facts.stated is None or facts.signatures is None:
        yield Lacks("a release with its signature")
        return
    trusted = {key.id: key for key in facts.trusted_keys}
    ids = " or ".join(trusted)
    for signature in facts.signatures:
        key = trusted.get(signature.key)
        if key is not None and signed_by(facts.stated, (signature,), (key,)) is None:
            yield error(
                "signature",
                f"the signature of key {signature.key} does not match this release",
                "Sign exactly the image, product, version and board that are published.",
            )
            return
    signatures = _all(facts)
    if signed_by(facts.stated, signatures, facts.trusted_keys) is not None:
        return
    if signatures:
        others = ", ".join(signature.key for signature in signatures)
        yield error(
            "signature",
            f"the release is signed with key {others}, but {facts.product} trusts {ids}",
            "Sign with a trusted key, or trust this one (acpublish key trust).",
        )
    else:
        yield error(
            "signature",
            f"the release is not signed, but {facts.product} accepts only releases signed with "
            f"key {ids}",
            _SIGN,
        )


def _unsigned(facts: Facts) -> Judgement:
    if facts.trusted_keys:
        return
    if facts.signatures is None or facts.releases is None:
        yield Lacks("the product's releases, and whether this one is signed")
        return
    earlier = facts.earlier()
    if earlier and earlier[0][1].signatures and not _all(facts):
        release, image = earlier[0]
        yield error(
            "unsigned",
            f"the release is not signed, but {facts.product} {release.version} for board "
            f"{facts.board} is, with key {image.signatures[0].key}",
            _SIGN,
        )


def _all(facts: Facts) -> tuple[ReleaseSignature, ...]:
    """Returns what the release is signed with; the same bytes may be published already, signed."""
    published = [
        signature
        for release, image in facts.earlier()
        if release.version == facts.version and image.sha256 == facts.image.sha256
        for signature in image.signatures
    ]
    return (*published, *(facts.signatures or ()))


_SIGNATURES = (
    Check(
        name="signature",
        severity=Severity.ERROR,
        explanation="The release is signed with a key that the product trusts, and the signature "
        "matches the image, product, version and board. This check needs the keys that the product "
        "trusts; a product that trusts no keys accepts any release.",
        judge=_signature,
        protected=True,
    ),
    Check(
        name="unsigned",
        severity=Severity.ERROR,
        explanation="A release is signed if the last one for the same board was. This finds "
        "a forgotten key before clients reject the release. This check needs the earlier releases.",
        judge=_unsigned,
    ),
)


CHECKS = (*_DISCLOSURE, *_SIGNATURES)
