"""A caller: who is asking, where somebody that this deployment trusts has verified it."""

from __future__ import annotations

from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking.

    Attributes:
        kind: How it was verified: `jwt`, `iam`, `cognito-identity` or `authorizer`.
        issuer: Who names the subject; empty where the kind says it.
        subject: What the issuer calls the caller, never given to another one.
        name: What the caller is called, where that is vouched for too.
    """

    kind: str
    subject: str
    issuer: str = ""
    name: str | None = None

    @property
    def entity_id(self) -> UUID:
        """The caller's entity: the same for the same subject of the same issuer, whatever the way in."""
        parts = (quote(each, safe="") for each in (self.kind, self.issuer, self.subject))
        return uuid5(NAMESPACE_URL, f"urn:mayfly:caller:{':'.join(parts)}")
