"""Whom API Gateway, or a function URL, verified before it passed a request on: read from the event's request context.

Headers are never read: whoever sends the request writes those.

Source:
    HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    REST APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.domain.caller import Caller

_NAMES = ("name", "preferred_username", "cognito:username")
_NAME_LENGTH = 200  # what a message's sender may be called


def verified_caller(event: Mapping[str, Any]) -> Caller | None:
    """The caller that stands in the event; None when nobody was verified, or nothing says who it is."""
    context = _mapping(event.get("requestContext"))
    authorizer = _mapping(context.get("authorizer"))
    http_claims = _mapping(_mapping(authorizer.get("jwt")).get("claims"))
    own = _mapping(authorizer.get("lambda"))
    return (
        _by_token(http_claims or _mapping(authorizer.get("claims")))
        or _by_function(own or authorizer)
        or _by_http_signature(_mapping(authorizer.get("iam")))
        or _by_rest_signature(_mapping(context.get("identity")))
    )


def _by_token(claims: Mapping[str, Any]) -> Caller | None:
    """By a token's claims: a JWT authorizer of an HTTP API, or a Cognito authorizer of a REST API."""
    subject, issuer = _text(claims.get("sub")), _text(claims.get("iss"))
    return Caller(kind="jwt", issuer=issuer, subject=subject, name=_name(claims)) if subject and issuer else None


def _by_function(told: Mapping[str, Any]) -> Caller | None:
    """By what a Lambda authorizer says; an HTTP API leaves out its `principalId`, so the context's `sub` counts too."""
    subject = _text(told.get("principalId")) or _text(told.get("sub"))
    return Caller(kind="authorizer", subject=subject, name=_name(told)) if subject else None


def _by_http_signature(signer: Mapping[str, Any]) -> Caller | None:
    pool_identity = _text(_mapping(signer.get("cognitoIdentity")).get("identityId"))
    return _signer(pool_identity, _text(signer.get("userId")))


def _by_rest_signature(identity: Mapping[str, Any]) -> Caller | None:
    return _signer(_text(identity.get("cognitoIdentityId")), _text(identity.get("user")))


def _signer(pool_identity: str, user_id: str) -> Caller | None:
    """An identity pool's users share one role and session name: they are told apart by their identity alone."""
    if pool_identity:
        return Caller(kind="cognito-identity", subject=pool_identity)
    return Caller(kind="iam", subject=user_id) if user_id else None


def _name(told: Mapping[str, Any]) -> str | None:
    return next((_text(told[each])[:_NAME_LENGTH] for each in _NAMES if _text(told.get(each))), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
