"""The signature equals that of AWS's own client."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as ClientCredentials

from runtime_core.adapters.aws.credentials import Credentials
from runtime_core.adapters.aws.signing import signed_headers

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TARGET = "secretsmanager.GetSecretValue"


@pytest.mark.parametrize("token", ["", "FwoGZXIvYXdz/token+with=signs"])
@pytest.mark.parametrize("url", ["https://secretsmanager.eu-central-1.amazonaws.com/", "http://127.0.0.1:5000/"])
def test_the_signature_is_the_clients(url: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"SecretId": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:name"}'
    ours = signed_headers(
        url=url,
        target=TARGET,
        body=body,
        service="secretsmanager",
        region="eu-central-1",
        credentials=Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalr/EXAMPLE", session_token=token),
        now=NOW,
    )
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    request = AWSRequest(
        method="POST",
        url=url,
        data=body,
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET},
    )
    credentials = ClientCredentials("AKIDEXAMPLE", "wJalr/EXAMPLE", token or None)
    SigV4Auth(credentials, "secretsmanager", "eu-central-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(Credentials(access_key_id="AKID", secret_access_key="hunter2", session_token="hunter3"))
    assert "hunter" not in shown
