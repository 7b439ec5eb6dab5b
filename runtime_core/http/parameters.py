"""Reading what a request says beside its body: path, query and headers."""

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

KEY_LENGTH = 255  # characters of an Idempotency-Key; what other services that take one allow
PAGE_SIZE = 50
MAX_PAGE_SIZE = 100


def path_uuid(request: Request, name: str) -> UUID:
    """The UUID in the path."""
    value = parse_uuid(request.path_params[name])
    if value is None:
        raise InvalidParameter("expected a UUID", name=name, place="path")
    return value


def query_uuid(request: Request, name: str) -> UUID | None:
    """The UUID in the query; None when it is not given."""
    if name not in request.query_params:
        return None
    value = parse_uuid(request.query_params[name])
    if value is None:
        raise InvalidParameter("expected a UUID", name=name, place="query")
    return value


def check_query(request: Request, allowed: Collection[str]) -> None:
    """Refuse query parameters that nobody reads, and those given twice."""
    for name in request.query_params:
        if name not in allowed:
            known = f"only {', '.join(sorted(allowed))}" if allowed else "no parameter"
            raise InvalidParameter(f"is not a known parameter; this address takes {known}", name=name, place="query")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidParameter("is given more than once", name=name, place="query")


def page_size(request: Request, *, default: int = PAGE_SIZE) -> int:
    """The query's `limit`."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_PAGE_SIZE):
        raise InvalidParameter(f"expected a whole number from 1 to {MAX_PAGE_SIZE}", name="limit", place="query")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last message of a page: the next one starts behind it. Opaque to callers."""

    created_at: datetime
    id: UUID

    def encoded(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str) -> Cursor:
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            created_at, _, id_text = plain.partition("|")
            cursor = cls(created_at=datetime.fromisoformat(created_at), id=UUID(id_text))
        except ValueError as error:
            raise _no_cursor() from error
        if cursor.created_at.tzinfo is None:
            raise _no_cursor()
        return cursor


def _no_cursor() -> InvalidParameter:
    return InvalidParameter(
        "is not a cursor of this address; take next_cursor from the page before", name="cursor", place="query"
    )


def idempotency_key(request: Request, caller: Caller | None) -> UUID | None:
    """The message id that the Idempotency-Key names: a UUID as it is, other text by its stable UUID.

    Two verified callers may use the same text for messages of their own.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    key = given[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]  # as the header's draft standard writes it
    if len(given) > 1 or not 1 <= len(key) <= KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidParameter(
            f"expected once, 1 to {KEY_LENGTH} printable characters", name="Idempotency-Key", place="header"
        )
    return string_to_uuid(f"{caller.entity_id}:{key}" if caller and parse_uuid(key) is None else key)
