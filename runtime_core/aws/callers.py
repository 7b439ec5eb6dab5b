"""Verified callers of API Gateway and function URLs.

They are read from the event's request context. The headers are not trusted: the caller writes them.

Source:
    HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    REST APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.domain.caller import Caller

_NAMES = ("name", "preferred_username", "cognito:username")
_NAME_LENGTH = 200  # characters; the limit of `EntityInput.name`


def read_caller(event: Mapping[str, Any]) -> Caller | None:
    """Read the verified caller of an event.

    Returns:
        The caller, or None if none was verified or the event does not identify it.
    """
    context = _mapping(event.get("requestContext"))
    authorizer = _mapping(context.get("authorizer"))
    http_claims = _mapping(_mapping(authorizer.get("jwt")).get("claims"))
    lambda_context = _mapping(authorizer.get("lambda"))
    return (
        _from_token(http_claims or _mapping(authorizer.get("claims")))
        or _from_lambda_authorizer(lambda_context or authorizer)
        or _from_http_signature(_mapping(authorizer.get("iam")))
        or _from_rest_signature(_mapping(context.get("identity")))
    )


def _from_token(claims: Mapping[str, Any]) -> Caller | None:
    """Read the claims of a JWT or Cognito authorizer.

    HTTP APIs have the former, REST APIs the latter.
    """
    subject, issuer = _text(claims.get("sub")), _text(claims.get("iss"))
    return Caller(kind="jwt", issuer=issuer, subject=subject, name=_name(claims)) if subject and issuer else None


def _from_lambda_authorizer(context: Mapping[str, Any]) -> Caller | None:
    """Read the context of a Lambda authorizer.

    An HTTP API omits the `principalId`, so the context's `sub` is the fallback.
    """
    subject = _text(context.get("principalId")) or _text(context.get("sub"))
    return Caller(kind="authorizer", subject=subject, name=_name(context)) if subject else None


def _from_http_signature(signer: Mapping[str, Any]) -> Caller | None:
    pool_identity = _text(_mapping(signer.get("cognitoIdentity")).get("identityId"))
    return _signer(pool_identity, _text(signer.get("userId")))


def _from_rest_signature(identity: Mapping[str, Any]) -> Caller | None:
    return _signer(_text(identity.get("cognitoIdentityId")), _text(identity.get("user")))


def _signer(pool_identity: str, user_id: str) -> Caller | None:
    """Build the caller of a signed request.

    Users of an identity pool share one role and session name, so their identity id is the subject.
    """
    if pool_identity:
        return Caller(kind="cognito-identity", subject=pool_identity)
    return Caller(kind="iam", subject=user_id) if user_id else None


def _name(claims: Mapping[str, Any]) -> str | None:
    return next((_text(claims[each])[:_NAME_LENGTH] for each in _NAMES if _text(claims.get(each))), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
