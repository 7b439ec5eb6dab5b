"""UUIDs, and the stable UUID of a text."""

from __future__ import annotations

import hashlib
from urllib.parse import quote
from uuid import UUID

_URI_COMPONENT_SAFE = "-_.!~*'()"  # left unescaped by encodeURIComponent (ECMA-262, 19.2.6.4)


def string_to_uuid(text: str | UUID) -> UUID:
    """Return the UUID in a text, or derive one from the text.

    Source:
        elizaOS `stringToUuid`: sha1 of the URI-escaped text, first 16 bytes, version nibble 0,
        variant bits 10. `"test"` gives `a94a8fe5-ccb1-0ba6-9c4c-0873d391e987`.
    """
    if isinstance(text, UUID):
        return text
    if (given := parse_uuid(text)) is not None:
        return given
    digest = bytearray(hashlib.sha1(quote(text, safe=_URI_COMPONENT_SAFE).encode(), usedforsecurity=False).digest())
    digest[6] &= 0x0F
    digest[8] = (digest[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(digest[:16]))


def parse_uuid(text: str) -> UUID | None:
    """Parse a UUID in its 36-character form.

    Returns:
        None for any other text.
    """
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None  # UUID() accepts hyphens anywhere
