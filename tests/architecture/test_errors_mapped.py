"""Every exception class of the library has its own line in the table of HTTP answers."""

import pytest

from api.errors import KIND_OF, kind_of
from leadqual.errors import LeadqualError


def all_classes(root: type[LeadqualError]) -> list[type[LeadqualError]]:
    return [root, *(cls for child in root.__subclasses__() for cls in all_classes(child))]


@pytest.mark.parametrize("error_class", all_classes(LeadqualError), ids=lambda cls: cls.__name__)
def test_class_has_its_own_line(error_class: type[LeadqualError]) -> None:
    assert error_class in KIND_OF


def test_class_that_nobody_listed_answers_as_its_parent() -> None:
    class UnlistedError(LeadqualError):
        pass

    assert kind_of(UnlistedError("x")) == KIND_OF[LeadqualError]


def test_messages_about_our_own_faults_are_not_shown() -> None:
    shown = {cls for cls, kind in KIND_OF.items() if kind.status == 500 and not kind.is_ours}

    assert shown == set()
