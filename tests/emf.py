"""Validation of CloudWatch's embedded metric format, by CloudWatch's own rules.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNITS = frozenset({"Count", "Milliseconds"})  # the subset of CloudWatch's units in use
VALUES_LIMIT = 100
METRICS_LIMIT = 100
DIMENSIONS_LIMIT = 30


def metrics_in(document: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the values of each metric by name.

    Raises:
        AssertionError: CloudWatch would reject the document.
    """
    head = document["_aws"]
    assert isinstance(head["Timestamp"], int)
    found: dict[str, list[float]] = {}
    for directive in head["CloudWatchMetrics"]:
        assert 1 <= len(directive["Namespace"]) <= 255
        assert len(directive["Metrics"]) <= METRICS_LIMIT
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= DIMENSIONS_LIMIT
            assert all(isinstance(document[name], str) and document[name] for name in dimensions)
        for metric in directive["Metrics"]:
            assert metric["Unit"] in UNITS
            found[metric["Name"]] = _values(document[metric["Name"]])
    return found


def _values(given: Any) -> list[float]:
    values = given if isinstance(given, list) else [given]
    assert 1 <= len(values) <= VALUES_LIMIT
    assert all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    return values
