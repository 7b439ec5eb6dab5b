"""AWS request signing.

It spares a cold start the import of boto3 (190 ms).
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

from runtime_core.adapters.aws.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    *, url: str, target: str, body: bytes, service: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """Make the headers of a signed `POST` in AWS's JSON protocol.

    Args:
        url: URL without a query.
        target: Service version and operation (`secretsmanager.GetSecretValue`).
        now: Time in UTC; AWS rejects a request that is more than 5 minutes off.

    Source:
        Signature version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    parts = urlsplit(url)
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": parts.netloc,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        "x-amz-target": target,
    }
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    request = "\n".join(["POST", parts.path or "/", "", *lines, "", names, _digest(body)])
    scope = f"{now:%Y%m%d}/{region}/{service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, headers["x-amz-date"], scope, _digest(request.encode())])
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return {**headers, "authorization": authorization}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
