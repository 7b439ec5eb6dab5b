"""What the five uses of `infra/worker.yaml` create, resource by resource and value by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.concrete import concrete
from tests.infra.expanded import expanded, parsed, resources
from tests.infra.nested import Template

DATABASE = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"
MODEL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:model-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
LITTLE = {"DatabaseSecretArn": DATABASE}
MUCH = {
    "DatabaseSecretArn": DATABASE,
    "ModelSecretArn": MODEL,
    "SecretsKmsKeyArn": KEY,
    "AlarmTopicArn": TOPIC,
    "WebSocketApiId": "a1b2c3d4e5",
    "VpcSubnetIds": "subnet-0a,subnet-0b",
    "VpcSecurityGroupIds": "sg-0c",
    "EmbedHighConcurrency": "0",
    "EmbedHighPollers": "4",
    "Stage": "prod",
}
STACK = "<AWS::StackName>"
HERE = "<AWS::Region>:<AWS::AccountId>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What distinguishes one worker from the others."""

    id: str
    name: str
    description: str
    handler: str
    timeout_s: int
    visibility_s: int
    oldest_message_s: int
    batch: Template
    concurrency: str
    suffix: str = ""
    runs_agents: bool = False


EMBED: dict[str, Any] = {"handler": "handlers.embed.handler", "timeout_s": 60}
AGENTS: dict[str, Any] = {"timeout_s": 120, "visibility_s": 720, "batch": {"BatchSize": 10}, "runs_agents": True}
WORKERS = (
    Worker(
        id="EmbedHigh",
        name="embed-high",
        description="Embeds queued memories of high priority",
        visibility_s=360,
        oldest_message_s=120,
        batch={"BatchSize": 10},
        concurrency="10",
        **EMBED,
    ),
    Worker(
        id="EmbedNormal",
        name="embed-normal",
        description="Embeds queued memories of normal priority",
        visibility_s=380,
        oldest_message_s=900,
        batch={"BatchSize": 100, "MaximumBatchingWindowInSeconds": 2},
        concurrency="5",
        **EMBED,
    ),
    Worker(
        id="EmbedLow",
        name="embed-low",
        description="Embeds queued memories of low priority",
        visibility_s=400,
        oldest_message_s=7200,
        batch={"BatchSize": 100, "MaximumBatchingWindowInSeconds": 20},
        concurrency="2",
        **EMBED,
    ),
    Worker(
        id="Inbox",
        name="inbox",
        description="Answers queued messages, in order for each room",
        handler="handlers.inbox.handler",
        oldest_message_s=300,
        concurrency="10",
        suffix=".fifo",
        **AGENTS,
    ),
    Worker(
        id="Work",
        name="work",
        description="Runs evaluators and tasks",
        handler="handlers.work.handler",
        oldest_message_s=900,
        concurrency="5",
        **AGENTS,
    ),
)


def expected(worker: Worker, *, much: bool) -> Template:
    """The worker's resources with the parameters `MUCH` or `LITTLE`, without types and policies of deletion."""
    own = worker.id
    topic = TOPIC if much else ""
    return {
        f"{own}LogGroup": {"LogGroupName": f"/mayfly/{STACK}/{worker.name}", "RetentionInDays": "30"},
        f"{own}Role": role(worker, much=much),
        f"{own}Function": function(worker, much=much),
        f"{own}FunctionQueue": source(worker, much=much),
        f"{own}Alarms": {
            "TemplateURL": "infra/function-alarms.yaml",
            "Parameters": {
                "FunctionName": f"<{own}Function>",
                "SlowMs": worker.timeout_s * 900,
                "AlarmTopicArn": topic,
            },
        },
        f"{own}Queue": {
            "QueueName": f"{STACK}-{worker.name}{worker.suffix}",
            **(
                {
                    "FifoQueue": True,
                    "ContentBasedDeduplication": True,
                    "DeduplicationScope": "messageGroup",
                    "FifoThroughputLimit": "perMessageGroupId",
                }
                if worker.suffix
                else {}
            ),
            "VisibilityTimeout": worker.visibility_s,
            "MessageRetentionPeriod": 1209600,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": f"<{own}DeadLetterQueue.Arn>", "maxReceiveCount": 5},
        },
        f"{own}DeadLetterQueue": {
            "QueueName": f"{STACK}-{worker.name}-dead{worker.suffix}",
            **({"FifoQueue": True} if worker.suffix else {}),
            "MessageRetentionPeriod": 1209600,
            "SqsManagedSseEnabled": True,
            "RedriveAllowPolicy": {
                "redrivePermission": "byQueue",
                "sourceQueueArns": [f"arn:<AWS::Partition>:sqs:{HERE}:{STACK}-{worker.name}{worker.suffix}"],
            },
        },
        f"{own}QueuePolicy": encrypted(f"{own}Queue"),
        f"{own}DeadLetterQueuePolicy": encrypted(f"{own}DeadLetterQueue"),
        f"{own}QueueAlarms": {
            "TemplateURL": "infra/queue-alarms.yaml",
            "Parameters": {
                "QueueName": f"<{own}Queue.QueueName>",
                "DeadLetterQueueName": f"<{own}DeadLetterQueue.QueueName>",
                "OldestMessageS": worker.oldest_message_s,
                "AlarmTopicArn": topic,
            },
        },
    }


def role(worker: Worker, *, much: bool) -> Template:
    queues = [f"<{each}Queue.Arn>" for each in ("EmbedHigh", "EmbedNormal", "EmbedLow", "Work")]
    connections = f"arn:<AWS::Partition>:execute-api:{HERE}:a1b2c3d4e5/live/POST/@connections/*"
    consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
    rights: list[tuple[bool, Any, Any]] = [
        (True, ["logs:CreateLogStream", "logs:PutLogEvents"], f"<{worker.id}LogGroup.Arn>"),
        (True, "secretsmanager:GetSecretValue", DATABASE),
        (much, "kms:Decrypt", KEY),
        (much, "secretsmanager:GetSecretValue", MODEL),
        (True, consume, f"<{worker.id}Queue.Arn>"),
        (worker.runs_agents, "sqs:SendMessage", queues),
        (worker.runs_agents and much, "execute-api:ManageConnections", connections),
    ]
    statements = [{"Effect": "Allow", "Action": actions, "Resource": on} for given, actions, on in rights if given]
    assumed = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    managed = ["service-role/AWSLambdaENIManagementAccess", "AWSXRayDaemonWriteAccess"]
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [assumed]},
        "ManagedPolicyArns": [f"arn:<AWS::Partition>:iam::aws:policy/{each}" for each in managed[0 if much else 1 :]],
        "Policies": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
    }


def function(worker: Worker, *, much: bool) -> Template:
    variables = {
        "ENVIRONMENT": "production" if much else "development",
        "LOG_LEVEL": "INFO",
        "DATABASE_SECRET_ARN": DATABASE,
        "DATABASE_HOST": "",
        "DATABASE_POOLER": "none",
        "DATABASE_URL": "",
        "OPENAI_API_KEY": "",
        "POWERTOOLS_SERVICE_NAME": STACK,
        "POWERTOOLS_METRICS_NAMESPACE": "Mayfly",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "OPENAI_SECRET_ARN": MODEL if much else "",
        "OPENAI_BASE_URL": "https://api.openai.com/v1",
        "EMBEDDING_MODEL": "text-embedding-3-small",
    }
    endpoint = "https://a1b2c3d4e5.execute-api.<AWS::Region>.<AWS::URLSuffix>/live"
    agents = {
        "TEXT_SMALL_MODEL": "gpt-5-mini",
        "TEXT_LARGE_MODEL": "gpt-5",
        "EMBED_QUEUE_URL_HIGH": "<EmbedHighQueue>",
        "EMBED_QUEUE_URL_NORMAL": "<EmbedNormalQueue>",
        "EMBED_QUEUE_URL_LOW": "<EmbedLowQueue>",
        "WORK_QUEUE_URL": "<WorkQueue>",
        "WEBSOCKET_ENDPOINT": endpoint if much else "",
    }
    network = {"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0c"]}
    return {
        "Code": {"S3Bucket": "bucket", "S3Key": "archive.zip"},
        "Description": worker.description,
        "Handler": worker.handler,
        "MemorySize": "1024",
        "Role": f"<{worker.id}Role.Arn>",
        "Runtime": "python3.13",
        "Timeout": worker.timeout_s,
        **({"VpcConfig": network} if much else {}),
        "Environment": {"Variables": {**variables, **(agents if worker.runs_agents else {})}},
        "Tags": [{"Key": "lambda:createdBy", "Value": "SAM"}],
        "TracingConfig": {"Mode": "PassThrough"},
        "Architectures": ["x86_64"],
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": f"<{worker.id}LogGroup>"},
    }


def source(worker: Worker, *, much: bool) -> Template:
    provisioned = much and worker.id == "EmbedHigh"
    return {
        **worker.batch,
        "EventSourceArn": f"<{worker.id}Queue.Arn>",
        "FunctionName": f"<{worker.id}Function>",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        **(
            {"ProvisionedPollerConfig": {"MinimumPollers": "4"}}
            if provisioned
            else {"ScalingConfig": {"MaximumConcurrency": worker.concurrency}}
        ),
    }


def encrypted(queue: str) -> Template:
    over_http = {"Bool": {"aws:SecureTransport": "false"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": f"<{queue}.Arn>"}
    return {
        "Queues": [f"<{queue}>"],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{**statement, "Condition": over_http}]},
    }


@pytest.mark.parametrize("much", [False, True])
@pytest.mark.parametrize("worker", WORKERS, ids=lambda worker: worker.name)
def test_a_worker_creates_these_resources_and_no_others(worker: Worker, much: bool) -> None:
    created = concrete(expanded(), MUCH if much else LITTLE)
    wanted = expected(worker, much=much)
    assert {name for name in created if name.startswith(worker.id)} == set(wanted)
    for name, properties in wanted.items():
        assert as_text(created[name]["Properties"]) == as_text(properties), name


@pytest.mark.parametrize("kind", ["AWS::SQS::Queue", "AWS::Logs::LogGroup"])
def test_queues_and_log_groups_go_with_the_stack(kind: str) -> None:
    assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in resources(kind).values()} == {
        ("Delete", "Delete")
    }


def test_the_worker_template_is_used_five_times() -> None:
    used = [
        each["Properties"]["TemplateURL"]
        for each in parsed("infra/background.yaml")["Resources"].values()
        if each["Type"] == "AWS::CloudFormation::Stack"
    ]
    assert used == ["worker.yaml"] * len(WORKERS)


def as_text(value: Any) -> Any:
    """A value whose numbers are text: a parameter makes no difference between them."""
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
