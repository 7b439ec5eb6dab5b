"""The verified caller of a request."""

from __future__ import annotations

from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller that a verifier trusted by this deployment has identified.

    Attributes:
        kind: The verification method: `jwt`, `iam`, `cognito-identity` or `authorizer`.
        issuer: The authority that assigns the subject; empty if `kind` implies it.
        subject: The issuer's identifier of the caller; the issuer never reassigns it.
        name: The display name; None unless the verifier vouches for it.
    """

    kind: str
    subject: str
    issuer: str = ""
    name: str | None = None

    @property
    def entity_id(self) -> UUID:
        """The entity id, derived from kind, issuer and subject."""
        parts = (quote(each, safe="") for each in (self.kind, self.issuer, self.subject))
        return uuid5(NAMESPACE_URL, f"urn:mayfly:caller:{':'.join(parts)}")
