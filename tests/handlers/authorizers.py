"""Events of verified callers, for each kind of authorizer.

Each adds the context that AWS documents to a stored event.
"""

from __future__ import annotations

from typing import Any

from tests.handlers.conftest import Event, kept_event

ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A1b2C3d4E"
AUDIENCE = "3n4b5urk1ft4fl3mg5e62d9ado"


def http_api_jwt(subject: str, **claims: Any) -> Event:
    """Build an event of an HTTP API with a JWT authorizer."""
    given = {"aud": AUDIENCE, "exp": "1795251600", "iss": ISSUER, "sub": subject, **claims}
    return _authorized("http_api", {"jwt": {"claims": given, "scopes": None}})


def http_api_iam(user_id: str, identity_id: str | None = None) -> Event:
    """Build an event of an HTTP API with IAM.

    With `identity_id` the caller comes from an identity pool.
    """
    return _authorized("http_api", {"iam": _iam(user_id, identity_id)})


def function_url_iam(user_id: str) -> Event:
    """Build an event of a function URL with IAM."""
    return _authorized("function_url", {"iam": _iam(user_id, None)})


def http_api_lambda(**context: Any) -> Event:
    """Build an event of an HTTP API whose Lambda authorizer returns `context`."""
    return _authorized("http_api", {"lambda": context or None})


def rest_api_cognito(subject: str, **claims: Any) -> Event:
    """Build an event of a REST API with a Cognito authorizer."""
    expires = "Sat Nov 21 09:00:00 UTC 2026"
    given = {"sub": subject, "iss": ISSUER, "token_use": "id", "aud": AUDIENCE, "exp": expires, **claims}
    return _authorized("rest_api", {"claims": given})


def rest_api_lambda(principal_id: str, **context: Any) -> Event:
    """Build an event of a REST API with a Lambda authorizer."""
    return _authorized("rest_api", {"principalId": principal_id, "integrationLatency": 21, **context})


def rest_api_iam(user_id: str, identity_id: str | None = None) -> Event:
    """Build an event of a REST API with IAM (no authorizer)."""
    event = kept_event("rest_api")
    event["requestContext"]["identity"] |= {
        "accessKey": "ASIAEXAMPLE",
        "accountId": "123456789012",
        "caller": user_id,
        "user": user_id,
        "userArn": "arn:aws:sts::123456789012:assumed-role/chat/session",
        "cognitoIdentityId": identity_id,
        "cognitoIdentityPoolId": "eu-central-1:pool" if identity_id else None,
        "cognitoAuthenticationType": "authenticated" if identity_id else None,
        "apiKey": None,
    }
    return event


def _iam(user_id: str, identity_id: str | None) -> dict[str, Any]:
    pool = {"amr": ["authenticated"], "identityId": identity_id, "identityPoolId": "eu-central-1:pool"}
    return {
        "accessKey": "ASIAEXAMPLE",
        "accountId": "123456789012",
        "callerId": user_id,
        "cognitoIdentity": pool if identity_id else None,
        "principalOrgId": None,
        "userArn": "arn:aws:sts::123456789012:assumed-role/chat/session",
        "userId": user_id,
    }


def _authorized(source: str, authorizer: dict[str, Any]) -> Event:
    event = kept_event(source)
    event["requestContext"]["authorizer"] = authorizer
    return event
