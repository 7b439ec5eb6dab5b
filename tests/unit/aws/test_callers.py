"""Verified callers in the events of every kind of authorizer."""

from __future__ import annotations

import pytest

from runtime_core.aws.callers import read_caller
from runtime_core.domain.caller import Caller
from tests.handlers.authorizers import (
    ISSUER,
    function_url_iam,
    http_api_iam,
    http_api_jwt,
    http_api_lambda,
    rest_api_cognito,
    rest_api_iam,
    rest_api_lambda,
)
from tests.handlers.conftest import Event, kept_event

SESSION = "AROAEXAMPLE:zoe@example.com"
POOLED = "eu-central-1:0f8e7d6c-5b4a-4392-8170-6f5e4d3c2b1a"
SHARED = "AROAEXAMPLE:CognitoIdentityCredentials"


def by_token(name: str | None = None) -> Caller:
    return Caller(kind="jwt", issuer=ISSUER, subject="zoe", name=name)


@pytest.mark.parametrize(
    ("event", "caller"),
    [
        (http_api_jwt("zoe", name="Zoë"), by_token("Zoë")),
        (http_api_jwt("zoe", username="other", preferred_username=" z "), by_token("z")),
        (rest_api_cognito("zoe"), by_token()),
        (http_api_iam(SESSION), Caller(kind="iam", subject=SESSION)),
        (rest_api_iam(SESSION), Caller(kind="iam", subject=SESSION)),
        (function_url_iam(SESSION), Caller(kind="iam", subject=SESSION)),
        (http_api_iam(SHARED, POOLED), Caller(kind="cognito-identity", subject=POOLED)),
        (rest_api_iam(SHARED, POOLED), Caller(kind="cognito-identity", subject=POOLED)),
        (rest_api_lambda("user|a1b2", name="Zoë"), Caller(kind="authorizer", subject="user|a1b2", name="Zoë")),
        (http_api_lambda(sub="user|a1b2", tenant=7), Caller(kind="authorizer", subject="user|a1b2")),
        (http_api_lambda(principalId="user|a1b2"), Caller(kind="authorizer", subject="user|a1b2")),
    ],
)
def test_the_caller_is_read_from_the_authorizer(event: Event, caller: Caller) -> None:
    assert read_caller(event) == caller


@pytest.mark.parametrize(
    "event",
    [
        *(kept_event(source) for source in ("rest_api", "http_api", "function_url", "load_balancer")),
        http_api_jwt(""),
        http_api_jwt("zoe", iss=""),
        http_api_lambda(),
        http_api_lambda(tenant="a"),
        rest_api_lambda(" "),
        rest_api_cognito("zoe", sub=None),
        {},
        {"requestContext": None},
        {"requestContext": {"authorizer": "allow", "identity": []}},
    ],
)
def test_an_event_without_an_identity_has_no_verified_caller(event: Event) -> None:
    assert read_caller(event) is None


def test_a_header_verifies_no_caller() -> None:
    event = kept_event("http_api", authorizer={"jwt": {"claims": {"sub": "zoe", "iss": ISSUER}}})
    event["headers"] |= {"authorization": "Bearer e30.e30.", "x-amzn-oidc-identity": "zoe"}
    assert read_caller(event) is None


def test_only_equal_subjects_have_the_same_entity() -> None:
    assert by_token().entity_id == by_token("Zoë").entity_id
    callers = [
        by_token(),
        Caller(kind="jwt", issuer=ISSUER, subject="Zoe"),
        Caller(kind="jwt", issuer="https://other.example", subject="zoe"),
        Caller(kind="iam", subject="zoe"),
        Caller(kind="jwt", issuer="a:b", subject="c"),
        Caller(kind="jwt", issuer="a", subject="b:c"),
    ]
    assert len({each.entity_id for each in callers}) == len(callers)


def test_an_entity_is_the_uuid_that_is_documented() -> None:
    caller = Caller(kind="jwt", issuer="https://issuer.example/", subject="auth0|42")
    assert str(caller.entity_id) == "7d9d19b2-9a77-53c2-ad24-3390bea8da0a"
