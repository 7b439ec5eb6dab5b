"""Events of verified callers: what each kind of authorizer adds to a kept event, in the shapes that AWS documents."""

from __future__ import annotations

from typing import Any

from tests.handlers.conftest import Event, kept_event

ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A1b2C3d4E"
AUDIENCE = "3n4b5urk1ft4fl3mg5e62d9ado"


def http_api_jwt(subject: str, **claims: Any) -> Event:
    """An HTTP API with a JWT authorizer."""
    given = {"aud": AUDIENCE, "exp": "1795251600", "iss": ISSUER, "sub": subject, **claims}
    return _authorized("http_api", {"jwt": {"claims": given, "scopes": None}})


def http_api_iam(user_id: str, identity_id: str | None = None) -> Event:
    """An HTTP API whose callers sign; through an identity pool where `identity_id` is given."""
    return _authorized("http_api", {"iam": _iam(user_id, identity_id)})


def function_url_iam(user_id: str) -> Event:
    """A function URL whose callers sign."""
    return _authorized("function_url", {"iam": _iam(user_id, None)})


def http_api_lambda(**context: Any) -> Event:
    """An HTTP API with a Lambda authorizer, which says what is in `context`."""
    return _authorized("http_api", {"lambda": context or None})


def rest_api_cognito(subject: str, **claims: Any) -> Event:
    """A REST API with a Cognito authorizer."""
    expires = "Sat Nov 21 09:00:00 UTC 2026"
    given = {"sub": subject, "iss": ISSUER, "token_use": "id", "aud": AUDIENCE, "exp": expires, **claims}
    return _authorized("rest_api", {"claims": given})


def rest_api_lambda(principal_id: str, **context: Any) -> Event:
    """A REST API with a Lambda authorizer."""
    return _authorized("rest_api", {"principalId": principal_id, "integrationLatency": 21, **context})


def rest_api_iam(user_id: str, identity_id: str | None = None) -> Event:
    """A REST API whose callers sign; there is no authorizer in the event then."""
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
