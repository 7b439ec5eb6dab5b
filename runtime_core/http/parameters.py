"""Parameters of a request: path, query and headers."""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import parse_uuid, string_to_uuid
from runtime_core.http.problems import InvalidParameter

if TYPE_CHECKING:
    from runtime_core.domain.caller import Caller

KEY_LENGTH = 255  # characters of an Idempotency-Key; Stripe has the same limit
PAGE_SIZE = 50
MAX_PAGE_SIZE = 100


def path_uuid(request: Request, name: str) -> UUID:
    """Parse a UUID in the path.

    Raises:
        InvalidParameter: The value is not a UUID.
    """
    value = parse_uuid(request.path_params[name])
    if value is None:
        raise InvalidParameter("expected a UUID", name=name, place="path")
    return value


def query_uuid(request: Request, name: str) -> UUID | None:
    """Parse a UUID in the query.

    Returns:
        The UUID, or None if the parameter is absent.

    Raises:
        InvalidParameter: The value is not a UUID.
    """
    if name not in request.query_params:
        return None
    value = parse_uuid(request.query_params[name])
    if value is None:
        raise InvalidParameter("expected a UUID", name=name, place="query")
    return value


def check_query(request: Request, allowed: Collection[str]) -> None:
    """Check that every query parameter is known and given once.

    Raises:
        InvalidParameter: A parameter is unknown or repeated.
    """
    for name in request.query_params:
        if name not in allowed:
            known = f"send only {', '.join(sorted(allowed))}" if allowed else "send no query parameters"
            raise InvalidParameter(f"unknown parameter: {known}", name=name, place="query")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidParameter("repeated parameter: send it once", name=name, place="query")


def page_size(request: Request, *, default: int = PAGE_SIZE) -> int:
    """Parse the query's `limit`.

    Raises:
        InvalidParameter: The value is not a whole number from 1 to `MAX_PAGE_SIZE`.
    """
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_PAGE_SIZE):
        raise InvalidParameter(f"expected a whole number from 1 to {MAX_PAGE_SIZE}", name="limit", place="query")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Position of a page's last message; the next page starts after it.

    Its encoded form is opaque to clients.
    """

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            created_at, _, id_text = plain.partition("|")
            cursor = cls(created_at=datetime.fromisoformat(created_at), id=UUID(id_text))
        except ValueError as error:
            raise _invalid_cursor() from error
        if cursor.created_at.tzinfo is None:
            raise _invalid_cursor()
        return cursor


def _invalid_cursor() -> InvalidParameter:
    return InvalidParameter("invalid cursor: send next_cursor of the previous page", name="cursor", place="query")


def idempotency_key(request: Request, caller: Caller | None) -> UUID | None:
    """Derive the message id from the Idempotency-Key header.

    A UUID is used unchanged, and other text is hashed to a UUID. With a verified caller the hash
    includes the caller, so that equal keys of two callers differ.

    Returns:
        The id, or None without the header.

    Raises:
        InvalidParameter: The header is repeated, too long or not printable ASCII.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    key = given[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]  # quoted in the header's draft standard
    if len(given) > 1 or not 1 <= len(key) <= KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidParameter(
            f"expected one value of 1 to {KEY_LENGTH} printable ASCII characters",
            name="Idempotency-Key",
            place="header",
        )
    return string_to_uuid(f"{caller.entity_id}:{key}" if caller and parse_uuid(key) is None else key)
