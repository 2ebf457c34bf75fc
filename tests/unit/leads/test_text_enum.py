"""Enums are written as the texts that they are, and read and described as any enum."""

import json
from enum import StrEnum

import pytest
from pydantic import TypeAdapter, ValidationError

from leadqual.leads.schema import Motion
from leadqual.leads.text_enum import TextEnum
from leadqual.qualify.score import Answer, Direction, Head, ScoredBy
from leadqual.routing.decision import Approach, Queue


class Plain(StrEnum):
    """What `TextEnum` is compared with."""

    A_WAY = "a_way"
    QUOTED = 'with "quotes" and ü'


class Fast(TextEnum):
    """What `TextEnum` is compared with."""

    A_WAY = "a_way"
    QUOTED = 'with "quotes" and ü'


def test_members_are_written_as_those_of_any_enum() -> None:
    plain, fast = TypeAdapter(dict[Plain, list[Plain]]), TypeAdapter(dict[Fast, list[Fast]])

    written = fast.dump_json({one: list(Fast) for one in Fast})

    assert written == plain.dump_json({one: list(Plain) for one in Plain})


def test_a_dump_in_python_keeps_members_and_a_dump_for_json_has_texts() -> None:
    adapter = TypeAdapter(list[Fast])

    assert [type(one) for one in adapter.dump_python(list(Fast))] == [Fast, Fast]
    assert [type(one) for one in adapter.dump_python(list(Fast), mode="json")] == [str, str]


def test_the_schema_is_that_of_any_enum() -> None:
    plain, fast = (
        json.dumps(TypeAdapter(kind).json_schema(mode="serialization")) for kind in (Plain, Fast)
    )

    assert fast == plain.replace("Plain", "Fast")


def test_a_text_of_no_member_is_refused() -> None:
    adapter = TypeAdapter(Fast)

    with pytest.raises(ValidationError, match="a_way"):
        adapter.validate_python("another way")


@pytest.mark.parametrize("kind", [Motion, Answer, Direction, Head, ScoredBy, Approach, Queue])
def test_what_every_answer_holds_is_written_without_look_ups(kind: type[TextEnum]) -> None:
    assert issubclass(kind, TextEnum)
