"""The template as CloudFormation gets it, expanded by the translator that AWS runs too."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from boto3 import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from tests.infra.nested import Template, inlined

ROOT = Path(__file__).parents[2]
UPLOADED = {"Bucket": "bucket", "Key": "archive.zip"}  # what `sam package` puts in place of the local folder
# Written out in their parents; the other nested stacks stay stacks.
NESTED = frozenset({"infra/access.yaml", "infra/background.yaml", "infra/rest-api.yaml", "infra/worker.yaml"})


def parsed(name: str) -> Template:
    """A template as written, its short forms (`!Ref`) spelled out."""
    template: Template = yaml_parse((ROOT / name).read_text())
    return template


def translated(name: str) -> Template:
    """One template after the SAM transform, where it has one."""
    template = parsed(name)
    if "Transform" not in template:
        return template
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = UPLOADED
    session = Session(region_name="eu-central-1")
    result: Template = Translator({}, Parser(), boto_session=session).translate(template, {})
    return result


@cache
def expanded() -> Template:
    """`template.yaml` after the SAM transform, with the resources of the `NESTED` stacks."""
    return inlined("template.yaml", load=translated, names=NESTED)


def resources(kind: str) -> dict[str, Template]:
    """The expanded resources of one type, by logical id; each as its properties, beside its `Condition`."""
    return {name: found for name, found in expanded()["Resources"].items() if found["Type"] == kind}
