"""Reader of the secrets named by ARN in the settings.

It runs once per environment.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from runtime_core.adapters.aws.credentials import Credentials, read_credentials
from runtime_core.adapters.aws.signing import signed_headers
from runtime_core.adapters.http_client import HttpClient, HttpError
from runtime_core.errors import SettingsError, StoreUnavailable
from runtime_core.settings import Settings
from runtime_core.support.deadline import bounded_s

DATABASE = "DATABASE_SECRET_ARN"
MODEL = "OPENAI_SECRET_ARN"
TIMEOUT_S = 5.0


async def with_secrets(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Fill an unset `database_url` and `openai_api_key` from their secrets.

    Args:
        environment: Variables with the credentials of this process and the AWS endpoint.

    Raises:
        SettingsError: A secret is missing, forbidden or malformed; names the variable.
        StoreUnavailable: Secrets Manager did not answer.
    """
    arns: dict[str, str] = {}
    if settings.database_secret_arn is not None and settings.database_url is None:
        arns[DATABASE] = settings.database_secret_arn
    if settings.openai_secret_arn is not None and settings.openai_api_key is None:
        arns[MODEL] = settings.openai_secret_arn
    texts = await _fetch_secrets(arns, environment)
    found: dict[str, Any] = {}
    if DATABASE in texts:
        found["database_url"] = database_url(texts[DATABASE], host=settings.database_host or "")
    if MODEL in texts:
        found["openai_api_key"] = SecretStr(model_key(texts[MODEL]))
    return settings.model_copy(update=found)


async def _fetch_secrets(arns: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Fetch the text of each secret, keyed by its variable."""
    if not arns:
        return {}
    async with HttpClient() as client:
        try:
            credentials = await read_credentials(environment, client)
            texts = await asyncio.gather(
                *(_fetch_secret(name, arn, environment, credentials, client) for name, arn in arns.items())
            )
        except HttpError as error:
            raise StoreUnavailable(f"Secrets Manager did not answer: {error}") from error
    return dict(zip(arns, texts, strict=True))


def database_url(secret: str, *, host: str = "") -> str:
    """Build a database URL from a secret.

    Args:
        secret: A URL, or the JSON format of RDS.
        host: Overrides the secret's host, for a proxy in front of the database.

    Raises:
        SettingsError: The secret has neither format, or lacks a field.
    """
    if "://" in secret.split("\n", 1)[0] and not secret.lstrip().startswith("{"):
        return secret.strip()
    found = _json_object(secret, DATABASE, "a URL (postgresql://…), or JSON with host, username and password")
    missing = [name for name in ("username", "password") if not found.get(name)]
    missing += [] if host or found.get("host") else ["host"]
    if missing:
        raise SettingsError(f"{DATABASE}: the secret has no {', '.join(missing)}", name=DATABASE)
    user, password = (quote(str(found[name]), safe="") for name in ("username", "password"))
    address = f"{host or found['host']}:{found.get('port') or 5432}"
    return f"postgresql://{user}:{password}@{address}/{found.get('dbname') or 'postgres'}?sslmode=require"


def model_key(secret: str) -> str:
    """Extract a model provider's key from a secret.

    Args:
        secret: Plain text, or JSON with `OPENAI_API_KEY`.

    Raises:
        SettingsError: The JSON lacks that field.
    """
    if not secret.lstrip().startswith("{"):
        return secret.strip()
    key = _json_object(secret, MODEL, "plain text, or JSON with OPENAI_API_KEY").get("OPENAI_API_KEY")
    if not key:
        raise SettingsError(f"{MODEL}: the secret's JSON has no OPENAI_API_KEY", name=MODEL)
    return str(key)


def _json_object(secret: str, name: str, expected: str) -> dict[str, Any]:
    try:
        found = json.loads(secret)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(f"{name}: the secret is not {expected}", name=name)  # never its content
    return found


async def _fetch_secret(
    name: str, arn: str, environment: Mapping[str, str], credentials: Credentials, client: HttpClient
) -> str:
    region = arn.split(":")[3]
    url = _endpoint(environment, region, china=arn.startswith("arn:aws-cn:"))
    body = json.dumps({"SecretId": arn}).encode()
    headers = signed_headers(
        url=url,
        target="secretsmanager.GetSecretValue",
        body=body,
        service="secretsmanager",
        region=region,
        credentials=credentials,
        now=datetime.now(UTC),
    )
    timeout_s = bounded_s(TIMEOUT_S)
    async with client.send("POST", url, headers=headers, content=body, timeout_s=timeout_s) as answer:
        return _secret_string(name, answer.status, await answer.read())


def _endpoint(environment: Mapping[str, str], region: str, *, china: bool) -> str:
    """Build the service's URL; all AWS clients honour the two variables."""
    given = environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environment.get("AWS_ENDPOINT_URL")
    domain = "amazonaws.com.cn" if china else "amazonaws.com"
    return f"{(given or f'https://secretsmanager.{region}.{domain}').rstrip('/')}/"


def _secret_string(name: str, status: int, body: bytes) -> str:
    if status >= 500 or status == 429:
        raise StoreUnavailable(f"Secrets Manager answered {status} for {name}")
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    if status >= 400:
        reason = str(found.get("__type", status)).rpartition("#")[2]
        raise SettingsError(f"{name}: the secret is not readable: {reason}", name=name)
    if not found.get("SecretString"):
        raise SettingsError(f"{name}: the secret holds no text", name=name)
    return str(found["SecretString"])
