"""The template as CloudFormation gets it, expanded by the translator that AWS runs too."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from boto3 import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
UPLOADED = {"Bucket": "bucket", "Key": "archive.zip"}  # what `sam package` puts in place of the local folder
Template = dict[str, Any]


def parsed(name: str) -> Template:
    """A template as written, its short forms (`!Ref`) spelled out."""
    template: Template = yaml_parse((ROOT / name).read_text())
    return template


@cache
def expanded() -> Template:
    """`template.yaml` after the SAM transform."""
    template = parsed("template.yaml")
    template["Globals"]["Function"]["CodeUri"] = UPLOADED
    result: Template = Translator({}, Parser(), boto_session=Session(region_name="eu-central-1")).translate(
        template, {}
    )
    return result


def resources(kind: str) -> dict[str, Template]:
    """The expanded resources of one type, by logical id; each as its properties, beside its `Condition`."""
    return {name: found for name, found in expanded()["Resources"].items() if found["Type"] == kind}
