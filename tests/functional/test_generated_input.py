"""Input made up from the documentation: no server error, and no answer that is not documented."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.testing import Deployment

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_every_answer_is_documented(deployment: Deployment) -> None:
    schema = schemathesis.openapi.from_url(f"{deployment.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]

    assert len(operations) > 20
    for operation in operations:
        try_operation(operation, deployment.secret_key)


def try_operation(operation: schemathesis.APIOperation, key: str) -> None:
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answer_is_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)

    answer_is_documented()
