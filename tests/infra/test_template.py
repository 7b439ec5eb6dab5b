"""The template as AWS will see it: names, bounds, rights and alarms that nothing else would notice missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_core.settings import Settings
from tests.infra.expanded import NESTED, ROOT, expanded, parsed, resources
from tests.infra.nested import Template
from tests.infra.rules import decide, refused, values_of

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mayfly-AbCdEf"
GIVEN = {"DatabaseSecretArn": SECRET}
TOKENS = {"ApiAuthorization": "jwt", "JwtIssuer": "https://issuer.example/", "JwtAudience": "chat,desk"}
FUNCTIONS = {
    "MessageFunction": "handlers.message.handler",
    "IsolatedMessageFunction": "handlers.message.handler",
    "ApiFunction": "handlers.api.handler",
    "EmbedHighFunction": "handlers.embed.handler",
    "EmbedNormalFunction": "handlers.embed.handler",
    "EmbedLowFunction": "handlers.embed.handler",
    "InboxFunction": "handlers.inbox.handler",
    "TickFunction": "handlers.tick.handler",
    "WorkFunction": "handlers.work.handler",
    "MigrateFunction": "handlers.migrate.handler",
}


def properties(name: str) -> Template:
    found: Template = expanded()["Resources"][name]["Properties"]
    return found


def names_in(value: Any) -> Iterator[str]:
    """Every logical id that a value refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            else:
                yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def chosen(value: Any, **conditions: bool) -> Any:
    """A value with its `Fn::If`s decided; conditions not named are false."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            condition, then, otherwise = value["Fn::If"]
            return chosen(then if conditions.get(condition, False) else otherwise, **conditions)
        return {key: chosen(inner, **conditions) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [chosen(each, **conditions) for each in value]
        return [each for each in inner if each != {"Ref": "AWS::NoValue"}]
    return value


def statements(role: str, **conditions: bool) -> list[dict[str, Any]]:
    policies = chosen(properties(role)["Policies"], **conditions)
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def role_of(function: str) -> str:
    found: str = properties(function)["Role"]["Fn::GetAtt"][0]
    return found


def test_every_function_has_its_handler_and_runs_on_python_3_13() -> None:
    functions = resources("AWS::Lambda::Function")
    assert {name: found["Properties"]["Handler"] for name, found in functions.items()} == FUNCTIONS
    assert {found["Properties"]["Runtime"] for found in functions.values()} == {"python3.13"}


@pytest.mark.parametrize("name", sorted({handler.split(".")[1] for handler in FUNCTIONS.values()}))
def test_the_handlers_it_names_are_there(name: str) -> None:
    assert (ROOT / "handlers" / f"{name}.py").exists()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_logs_json_to_a_group_of_its_own_with_retention(function: str) -> None:
    logging = properties(function)["LoggingConfig"]
    group = properties(logging["LogGroup"]["Ref"])
    assert logging["LogFormat"] == "JSON"
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_alarms_that_know_its_timeout(function: str) -> None:
    stacks = [
        stack["Properties"]["Parameters"]
        for stack in resources("AWS::CloudFormation::Stack").values()
        if stack["Properties"]["TemplateURL"] == "infra/function-alarms.yaml"
        and function in names_in(stack["Properties"]["Parameters"]["FunctionName"])
    ]
    assert [int(stack["SlowMs"]) for stack in stacks] == [properties(function)["Timeout"] * 900]


def test_function_alarms_watch_errors_throttles_and_the_slowest_hundredth() -> None:
    alarms = parsed("infra/function-alarms.yaml")["Resources"]
    assert {each["Properties"]["MetricName"] for each in alarms.values()} == {"Errors", "Throttles", "Duration"}
    assert alarms["Slow"]["Properties"]["ExtendedStatistic"] == "p99"


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - {"IsolatedMessageFunction"}))
def test_every_function_has_a_role_of_its_own(function: str) -> None:
    role = role_of(function)
    others = {role_of(other) for other in FUNCTIONS if other not in {function, "IsolatedMessageFunction"}}
    assert role == function.replace("Function", "Role")
    assert role not in others


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("everything", [False, True])
def test_roles_name_exact_resources_and_actions(function: str, everything: bool) -> None:
    conditions = {"HasModelSecret": everything, "HasSecretsKey": everything, "CreateDatabase": everything}
    for statement in statements(role_of(function), **conditions):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        targets = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert statement["Effect"] == "Allow"
        assert not [action for action in actions if "*" in action]
        assert not [target for target in targets if isinstance(target, str)], "a resource written out is a pattern"
        assert targets


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_may_write_the_traces_that_it_or_its_caller_samples(function: str) -> None:
    managed = properties(role_of(function))["ManagedPolicyArns"]
    outside, inside = json.dumps(chosen(managed)), json.dumps(chosen(managed, InVpc=True))
    assert "AWSXRayDaemonWriteAccess" in outside
    assert ("AWSLambdaENIManagementAccess" in outside, "AWSLambdaENIManagementAccess" in inside) == (False, True)


def test_the_schedule_may_invoke_the_tick_and_nothing_else() -> None:
    (schedule,) = resources("AWS::Scheduler::Schedule").values()
    role = schedule["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0]
    (policy,) = properties(role)["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == {"Fn::GetAtt": ["TickFunction", "Arn"]}


def test_a_role_reaches_its_own_log_group_its_secrets_and_the_queues_of_its_work() -> None:
    reached = {role_of(name): set(names_in(statements(role_of(name), HasModelSecret=True))) for name in FUNCTIONS}
    embed_queues = {"EmbedHighQueue", "EmbedNormalQueue", "EmbedLowQueue"}
    assert reached == {
        "MessageRole": {"MessageLogGroup", "DatabaseSecretArn", "ModelSecretArn", "WorkQueue", *embed_queues},
        "ApiRole": {"ApiLogGroup", "DatabaseSecretArn", "ModelSecretArn", "WorkQueue", "InboxQueue", *embed_queues},
        "EmbedHighRole": {"EmbedHighLogGroup", "DatabaseSecretArn", "ModelSecretArn", "EmbedHighQueue"},
        "EmbedNormalRole": {"EmbedNormalLogGroup", "DatabaseSecretArn", "ModelSecretArn", "EmbedNormalQueue"},
        "EmbedLowRole": {"EmbedLowLogGroup", "DatabaseSecretArn", "ModelSecretArn", "EmbedLowQueue"},
        "InboxRole": {"InboxLogGroup", "DatabaseSecretArn", "ModelSecretArn", "InboxQueue", "WorkQueue", *embed_queues},
        "WorkRole": {"WorkLogGroup", "DatabaseSecretArn", "ModelSecretArn", "WorkQueue", *embed_queues},
        "TickRole": {"TickLogGroup", "DatabaseSecretArn", "ModelSecretArn", "WorkQueue"},
        "MigrateRole": {"MigrateLogGroup", "DatabaseSecretArn"},
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_secrets_come_by_arn_only(function: str) -> None:
    variables = properties(function)["Environment"]["Variables"]
    written_out = [value for name, value in variables.items() if "KEY" in name or name == "DATABASE_URL"]
    assert set(written_out) == {""}
    assert chosen(variables["DATABASE_SECRET_ARN"]) == {"Ref": "DatabaseSecretArn"}


@pytest.mark.parametrize("mapping", sorted(resources("AWS::Lambda::EventSourceMapping")))
def test_a_queue_is_hidden_for_six_timeouts_and_the_time_it_gathers_a_batch(mapping: str) -> None:
    source = properties(mapping)
    queue = properties(source["EventSourceArn"]["Fn::GetAtt"][0])
    timeout_s = properties(source["FunctionName"]["Ref"])["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout_s + source.get("MaximumBatchingWindowInSeconds", 0)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_each_priority_has_a_concurrency_of_its_own() -> None:
    limits = {
        name: chosen(found["Properties"]["ScalingConfig"], **dict.fromkeys(expanded()["Conditions"], True))
        for name, found in resources("AWS::Lambda::EventSourceMapping").items()
    }
    assert limits == {
        "EmbedHighFunctionQueue": {"MaximumConcurrency": {"Ref": "EmbedHighConcurrency"}},
        "EmbedNormalFunctionQueue": {"MaximumConcurrency": {"Ref": "EmbedNormalConcurrency"}},
        "EmbedLowFunctionQueue": {"MaximumConcurrency": {"Ref": "EmbedLowConcurrency"}},
        "InboxFunctionQueue": {"MaximumConcurrency": {"Ref": "InboxConcurrency"}},
        "WorkFunctionQueue": {"MaximumConcurrency": {"Ref": "WorkConcurrency"}},
    }


QUEUES = [name for name in resources("AWS::SQS::Queue") if "DeadLetter" not in name]


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_has_a_dead_letter_queue_that_takes_from_it_alone(queue: str) -> None:
    target = properties(queue)["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    dead = properties(target)
    name = properties(queue)["QueueName"]["Fn::Sub"]
    (source,) = dead["RedriveAllowPolicy"]["sourceQueueArns"]
    assert source["Fn::Sub"].endswith(f":{name}")
    assert dead["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
    assert dead.get("FifoQueue") == properties(queue).get("FifoQueue")
    assert dead["MessageRetentionPeriod"] >= properties(queue)["MessageRetentionPeriod"]


@pytest.mark.parametrize("queue", sorted(resources("AWS::SQS::Queue")))
def test_every_queue_is_encrypted_at_rest_and_on_the_way(queue: str) -> None:
    policies = [
        found["Properties"]
        for found in resources("AWS::SQS::QueuePolicy").values()
        if {"Ref": queue} in found["Properties"]["Queues"]
    ]
    (statement,) = policies[0]["PolicyDocument"]["Statement"]
    assert properties(queue)["SqsManagedSseEnabled"] is True
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_has_alarms_for_the_oldest_message_and_for_dead_letters(queue: str) -> None:
    stacks = [
        stack["Properties"]["Parameters"]
        for stack in resources("AWS::CloudFormation::Stack").values()
        if stack["Properties"]["TemplateURL"] == "infra/queue-alarms.yaml"
        and stack["Properties"]["Parameters"]["QueueName"] == {"Fn::GetAtt": [queue, "QueueName"]}
    ]
    metrics = {each["Properties"]["MetricName"] for each in parsed("infra/queue-alarms.yaml")["Resources"].values()}
    assert len(stacks) == 1
    assert metrics == {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}


def test_the_more_urgent_a_queue_the_sooner_its_alarm() -> None:
    limits_s = {
        stack["QueueName"]["Fn::GetAtt"][0]: int(stack["OldestMessageS"])
        for each in resources("AWS::CloudFormation::Stack").values()
        if "OldestMessageS" in (stack := each["Properties"]["Parameters"])
    }
    assert set(limits_s) == set(QUEUES)
    assert limits_s["EmbedHighQueue"] < limits_s["EmbedNormalQueue"] < limits_s["EmbedLowQueue"]


def test_a_created_database_has_an_alarm_for_its_connections() -> None:
    alarms = [
        each["Properties"]
        for each in parsed("infra/database.yaml")["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert [(each["Namespace"], each["MetricName"]) for each in alarms] == [("AWS/RDS", "DatabaseConnections")]


@pytest.mark.parametrize("name", ["infra/function-alarms.yaml", "infra/queue-alarms.yaml", "infra/database.yaml"])
def test_every_alarm_reports_to_the_topic_that_is_given(name: str) -> None:
    alarms = [
        each["Properties"] for each in parsed(name)["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    told = [chosen(each["AlarmActions"], HasTopic=True) for each in alarms]
    assert told == [[{"Ref": "AlarmTopicArn"}]] * len(alarms)
    stacks = [each["Properties"] for each in resources("AWS::CloudFormation::Stack").values()]
    topics = [each["Parameters"]["AlarmTopicArn"] for each in stacks if each["TemplateURL"] == name]
    assert topics
    assert topics == [{"Ref": "AlarmTopicArn"}] * len(topics)


def test_the_inbox_keeps_a_room_in_order() -> None:
    inbox = properties("InboxQueue")
    assert inbox["FifoQueue"] is True
    assert inbox["QueueName"]["Fn::Sub"].endswith(".fifo")


@pytest.mark.parametrize("function", ["MessageFunction", "ApiFunction"])
def test_prod_shifts_traffic_in_steps_watched_by_alarms(function: str) -> None:
    group = properties(f"{function}DeploymentGroup")
    in_prod = chosen(group["AlarmConfiguration"], IsProd=True)
    assert len(in_prod["Alarms"]) == 2
    assert "Canary" in json.dumps(chosen(group["DeploymentConfigName"], IsProd=True))
    assert "AllAtOnce" in json.dumps(chosen(group["DeploymentConfigName"]))


@pytest.mark.parametrize("name", list(resources("AWS::Scheduler::Schedule")))
def test_two_stacks_in_one_account_do_not_share_a_schedule(name: str) -> None:
    assert "AWS::StackName" in json.dumps(properties(name)["Name"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_variable_that_the_settings_know_takes_only_what_they_accept(function: str) -> None:
    variables = properties(function)["Environment"]["Variables"]
    values = values_of(expanded(), GIVEN)
    read = {
        name: str(values[found["Ref"]] if isinstance(found, dict) and "Ref" in found else found)
        for name, found in chosen(variables).items()
        if name.lower() in Settings.model_fields and (not isinstance(found, dict) or found.get("Ref", "") in values)
    }
    assert read["ENVIRONMENT"] == "development"
    Settings.from_environment(read)


def test_the_defaults_with_a_database_secret_are_taken() -> None:
    assert refused(expanded(), GIVEN) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DatabaseSecretArn": ""}, "DatabaseSecretArn"),
        ({"Database": "aurora"}, "leave DatabaseSecretArn empty"),
        ({"SnapStart": "true", "ProvisionedConcurrency": "1"}, "SnapStart cannot be combined with ProvisionedConc"),
        ({"SnapStart": "true", "TenantIsolation": "true"}, "SnapStart cannot be combined with TenantIsolation"),
        ({"TenantIsolation": "true", "ProvisionedConcurrency": "2"}, "TenantIsolation cannot be combined"),
        ({"EmbedHighPollers": "2"}, "Provisioned pollers exclude MaximumConcurrency"),
        ({"WebAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/name/abc-1"}, "takes no web ACL"),
        ({"UsagePlanQuota": "10"}, "has no usage plans"),
        ({"ApiType": "rest", "CorsOrigins": "https://example.com"}, "CORS"),
        ({"DomainName": "agents.example.com"}, "needs CertificateArn"),
        ({"HostedZoneId": "Z123"}, "needs DomainName"),
        ({"VpcSubnetIds": "subnet-0a,subnet-0b"}, "needs VpcSecurityGroupIds"),
        ({"RdsProxy": "true"}, "needs Database=aurora"),
        ({"DatabaseSecretArn": "postgresql://user:secret@host/name"}, "DatabaseSecretArn: not allowed"),
        ({"EmbedLowConcurrency": "1"}, "EmbedLowConcurrency: not allowed"),
        ({"TickRate": "rate(1 minutes)"}, "TickRate: not allowed"),
        ({"CorsOrigins": "example.com"}, "CorsOrigins: not allowed"),
        ({"ApiAuthorization": "jwt"}, "needs JwtIssuer and JwtAudience"),
        ({"ApiAuthorization": "jwt", "JwtIssuer": "https://issuer.example/"}, "jwt needs JwtIssuer and JwtAudience"),
        ({"ApiAuthorization": "jwt", "JwtAudience": "chat"}, "jwt needs JwtIssuer and JwtAudience"),
        ({"JwtIssuer": "https://issuer.example/"}, "JwtIssuer needs JwtAudience and ApiAuthorization=jwt"),
        ({"JwtAudience": "chat"}, "JwtAudience needs JwtIssuer and ApiAuthorization=jwt"),
        ({**TOKENS, "ApiAuthorization": "iam"}, "JwtIssuer needs JwtAudience and ApiAuthorization=jwt"),
        ({**TOKENS, "ApiType": "rest"}, "needs ApiType=http"),
        ({**TOKENS, "JwtIssuer": "issuer.example"}, "JwtIssuer: not allowed"),
        ({**TOKENS, "JwtAudience": "a b"}, "JwtAudience: not allowed"),
        ({"AuthMode": "jwt"}, "AuthMode: not allowed"),
        ({"WebSocketApiId": "wss://a1b2c3d4e5"}, "WebSocketApiId: not allowed"),
    ],
)
def test_what_aws_would_refuse_halfway_is_refused_at_once(given: dict[str, str], said: str) -> None:
    assert [each for each in refused(expanded(), {**GIVEN, **given}) if said in each]


@pytest.mark.parametrize(
    "given",
    [
        {"Database": "aurora", "DatabaseSecretArn": ""},
        {"Database": "aurora", "DatabaseSecretArn": "", "RdsProxy": "true", "Egress": "endpoints"},
        {"SnapStart": "true"},
        {"ProvisionedConcurrency": "5"},
        {"TenantIsolation": "true"},
        {"EmbedHighPollers": "2", "EmbedHighConcurrency": "0"},
        {"ApiType": "rest", "UsagePlanQuota": "1000"},
        {"CorsOrigins": "https://example.com,http://localhost:5173"},
        TOKENS,
        {**TOKENS, "AuthMode": "none"},
        {"ApiAuthorization": "none"},
        {"VpcSubnetIds": "subnet-0a,subnet-0b", "VpcSecurityGroupIds": "sg-0c"},
    ],
)
def test_what_fits_together_is_taken(given: dict[str, str]) -> None:
    assert refused(expanded(), {**GIVEN, **given}) == []


def test_snapstart_provisioned_concurrency_and_tenant_isolation_reach_the_functions() -> None:
    everything = dict.fromkeys(expanded()["Conditions"], True)
    for name in ("MessageFunction", "ApiFunction"):
        assert chosen(properties(name)["SnapStart"], **everything) == {"ApplyOn": "PublishedVersions"}
        assert chosen(properties(name)["SnapStart"]) == {"ApplyOn": "None"}
        assert chosen(properties(f"{name}Aliaslive")["ProvisionedConcurrencyConfig"], **everything) == {
            "ProvisionedConcurrentExecutions": {"Ref": "ProvisionedConcurrency"}
        }
    assert properties("IsolatedMessageFunction")["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    assert decide({"Fn::Equals": [{"Ref": "TenantIsolation"}, "true"]}, values_of(expanded(), {})) is False


def test_the_api_is_signed_unless_it_is_opened_on_purpose() -> None:
    assert expanded()["Parameters"]["ApiAuthorization"]["Default"] == "iam"
    http = properties("HttpApi")["Body"]["paths"]["/{proxy+}"]["x-amazon-apigateway-any-method"]["security"]
    assert (chosen(http, SignsRequests=True), chosen(http)) == ([{"sigv4": []}], [])
    assert chosen(http, ChecksTokens=True) == [{"jwt": []}]
    rest = properties("RestMethod")["AuthorizationType"]
    assert (chosen(rest, SignsRequests=True), chosen(rest)) == ("AWS_IAM", "NONE")


def test_tokens_are_checked_by_an_authorizer_that_is_there_only_where_they_are() -> None:
    schemes = properties("HttpApi")["Body"]["components"]["securitySchemes"]
    checked = chosen(schemes, ChecksTokens=True)
    assert list(checked) == ["jwt"]
    assert checked["jwt"]["x-amazon-apigateway-authorizer"] == {
        "type": "jwt",
        "identitySource": "$request.header.Authorization",
        "jwtConfiguration": {"issuer": {"Ref": "JwtIssuer"}, "audience": {"Ref": "JwtAudience"}},
    }
    assert list(chosen(schemes)) == ["sigv4"]


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, "gateway"),
        (TOKENS, "gateway"),
        ({"AuthMode": "none"}, "none"),
        ({"ApiAuthorization": "none"}, "none"),
        ({"ApiAuthorization": "none", "AuthMode": "gateway"}, "none"),
    ],
)
def test_the_sender_is_the_caller_wherever_the_api_verifies_one(given: dict[str, str], mode: str) -> None:
    values = values_of(expanded(), {**GIVEN, **given})
    verifies = decide(expanded()["Conditions"]["VerifiesCallers"], values)
    variable = chosen(properties("ApiFunction")["Environment"]["Variables"]["AUTH_MODE"], VerifiesCallers=verifies)
    assert (values[variable["Ref"]] if isinstance(variable, dict) else variable) == mode


def test_the_api_alone_puts_messages_into_the_inbox() -> None:
    wanting = [name for name in FUNCTIONS if "INBOX_QUEUE_URL" in properties(name)["Environment"]["Variables"]]
    sending = [
        name
        for name in FUNCTIONS
        for statement in statements(role_of(name))
        if statement["Action"] == "sqs:SendMessage" and "InboxQueue" in set(names_in(statement["Resource"]))
    ]
    assert wanting == sending == ["ApiFunction"]


def test_those_who_run_agents_may_post_to_the_connections_of_the_websocket_api_that_is_named() -> None:
    named = {}
    for name in FUNCTIONS:
        variable = properties(name)["Environment"]["Variables"].get("WEBSOCKET_ENDPOINT")
        allowed = {
            json.dumps(statement["Resource"]): name
            for statement in statements(role_of(name), HasWebSocketApi=True)
            if statement["Action"] == "execute-api:ManageConnections"
        }
        if variable is not None:
            assert chosen(variable) == ""
            named[name] = (chosen(variable, HasWebSocketApi=True)["Fn::Sub"], *allowed)
        else:
            assert not allowed
    api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApiId}/${WebSocketStage}"
    connections = json.dumps({"Fn::Sub": f"{api}/POST/@connections/*"})
    endpoint = "https://${WebSocketApiId}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${WebSocketStage}"
    running = ("MessageFunction", "IsolatedMessageFunction", "ApiFunction", "InboxFunction", "WorkFunction")
    assert named == dict.fromkeys(running, (endpoint, connections))


def test_each_way_to_let_callers_into_the_rest_api_is_deployed_by_itself() -> None:
    stage = properties("RestStage")["DeploymentId"]
    ways = [
        chosen(stage, HasUsagePlan=key, SignsRequests=signed)["Ref"]
        for key in (False, True)
        for signed in (False, True)
    ]
    assert set(ways) == set(resources("AWS::ApiGateway::Deployment"))


@pytest.mark.parametrize("name", ["template.yaml", *sorted(NESTED)])
def test_nothing_refers_to_what_is_not_there(name: str) -> None:
    template = parsed(name)
    known = {*template["Resources"], *template["Parameters"]}
    referred = {each.split(".")[0] for each in names_in(template) if not each.startswith("AWS::")}
    assert referred - known == set()


def test_every_parameter_stands_in_one_group() -> None:
    groups = parsed("template.yaml")["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(expanded()["Parameters"])


def test_every_parameter_that_takes_free_text_has_a_pattern() -> None:
    free = {
        name
        for name, parameter in expanded()["Parameters"].items()
        if parameter["Type"] in {"String", "CommaDelimitedList"}
        and "AllowedValues" not in parameter
        and "AllowedPattern" not in parameter
    }
    assert free == set()


def test_the_dashboard_is_json_and_shows_every_metric_that_turns_write() -> None:
    body = parsed("infra/dashboard.yaml")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = json.loads(re.sub(r"\$\{[^}]+\}", "x", body))
    names = {metric[1] for widget in shown["widgets"] for metric in widget["properties"]["metrics"]}
    assert names >= {
        *("ColdStart", "InitMs", "TurnMs", "ModelMs", "DbMs", "TokensIn", "TokensOut"),
        *("DeadlineHit", "Replay", "EmbedLagMs"),
    }


def test_people_get_what_they_need() -> None:
    outputs = expanded()["Outputs"]
    assert {"ApiUrl", "Curl", "MessageFunctionName", "MessageFunctionArn"} <= set(outputs)
    queues = [each["Value"]["Ref"] for name, each in outputs.items() if name.endswith("QueueUrl")]
    assert sorted(queues) == sorted(resources("AWS::SQS::Queue"))
    direct = outputs["MessageFunctionArn"]["Value"]
    assert chosen(direct) == {"Ref": "MessageFunctionAliaslive"}  # where SnapStart and provisioned concurrency are
    line, parts = outputs["Curl"]["Value"]["Fn::Sub"]
    assert line.startswith("curl ")
    assert line.endswith("${Url}/v1/messages")
    assert (chosen(parts["Signed"]), chosen(parts["Key"])) == ("", "")
    assert "--aws-sigv4" in json.dumps(chosen(parts["Signed"], SignsRequests=True))
    assert "x-api-key" in chosen(parts["Key"], HasUsagePlan=True)
    assert outputs["ApiKeyId"]["Condition"] == "HasUsagePlan"
