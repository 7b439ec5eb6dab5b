"""The settings: each variable is checked once, and a malformed one is named."""

from __future__ import annotations

import pytest

from runtime_core.errors import SettingsError
from runtime_core.settings import Settings

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/mayfly"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mayfly/key-AbCdEf"
FUNCTION = {"AWS_LAMBDA_FUNCTION_NAME": "mayfly"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("INBOX_QUEUE_URL", "inbox.fifo", "https://"),
        ("INBOX_QUEUE_URL", "sqs://host/inbox.fifo", "https://"),
        ("INBOX_QUEUE_URL", QUEUE, "FIFO"),
        ("WORK_QUEUE_URL", "https:///work", "https://"),
        ("WORK_QUEUE_URL", "https://host/a queue", "https://"),
        ("EMBED_QUEUE_URL_HIGH", "arn:aws:sqs:eu-central-1:123456789012:high", "https://"),
        ("EMBED_QUEUE_URL_NORMAL", "EmbedNormalQueue", "https://"),
        ("EMBED_QUEUE_URL_LOW", "ftp://host/low", "https://"),
        ("WEBSOCKET_ENDPOINT", "wss://a1b2c3.execute-api.eu-central-1.amazonaws.com/live", "https://"),
        ("WEBSOCKET_ENDPOINT", "https://[half", "https://"),
        ("AUTH_MODE", "jwt", "'none' or 'gateway'"),
        ("DATABASE_SECRET_ARN", "arn:aws:ssm:eu-central-1:123456789012:parameter/url", "ARN of a secret"),
        ("OPENAI_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:12:secret:key", "ARN of a secret"),
    ],
)
def test_a_malformed_variable_is_named_with_what_it_may_hold(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} is .*{expected}") as caught:
        Settings.from_environment({name: value})
    assert caught.value.name == name
    assert "Value error" not in str(caught.value)


@pytest.mark.parametrize("name", ["OPENAI_SECRET_ARN", "DATABASE_SECRET_ARN"])
def test_a_secret_put_where_its_arn_belongs_is_not_shown(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environment({name: "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_well_formed_variables_are_taken_without_the_blanks_around_them() -> None:
    settings = Settings.from_environment(
        {
            "INBOX_QUEUE_URL": f" {QUEUE}.fifo\n",
            "WORK_QUEUE_URL": "http://127.0.0.1:9324/queue/work",
            "WEBSOCKET_ENDPOINT": "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/live",
            "OPENAI_SECRET_ARN": f"{ARN}\n",
            "DATABASE_SECRET_ARN": ARN.replace("arn:aws:", "arn:aws-us-gov:"),
            "AUTH_MODE": "gateway",
        }
    )
    assert (settings.inbox_queue_url, settings.openai_secret_arn) == (f"{QUEUE}.fifo", ARN)
    assert settings.auth_mode == "gateway"


def test_in_the_cloud_a_function_is_on_lambda() -> None:
    settings = Settings.from_environment(FUNCTION)
    assert (settings.on_lambda, settings.in_lambda_runtime) == (True, True)


def test_a_container_of_sam_local_is_a_developers_machine_with_lambdas_runtime() -> None:
    settings = Settings.from_environment({**FUNCTION, "AWS_SAM_LOCAL": "true"})
    assert (settings.on_lambda, settings.in_lambda_runtime) == (False, True)


def test_queues_that_sam_local_names_as_the_template_does_are_none() -> None:
    given = {**FUNCTION, "AWS_SAM_LOCAL": "true", "WORK_QUEUE_URL": "WorkQueue", "EMBED_QUEUE_URL_LOW": QUEUE}
    settings = Settings.from_environment(given)
    assert (settings.work_queue_url, settings.embed_queue_url_low) == (None, QUEUE)
    with pytest.raises(SettingsError, match="WORK_QUEUE_URL"):
        Settings.from_environment({**FUNCTION, "WORK_QUEUE_URL": "WorkQueue"})
