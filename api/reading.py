"""Read plain leads in one pass; whatever is not plain is left to the strict reader.

pydantic's core parses and checks a body in a third of the time that `api.strict` and a second
validation take, but it lets through that a name appears twice in one object. `read_plain_lead`
counts names: a body is taken only where it provably has as many as the lead has fields.
"""

from __future__ import annotations

import re
from typing import Final

from pydantic import ValidationError

from leadqual.leads.plain import ESCAPED_NUL, plain_reader
from leadqual.leads.schema import RawLead

_END_OF_NAME: Final = b'":'
_SPACED_NAME: Final = re.compile(rb'"[ \t\n\r]+:')
"""A name that `_END_OF_NAME` does not find; quotes within text are escaped and look the same."""


def read_plain_lead(body: bytes) -> RawLead | None:
    """Return the lead of a body, or None where `strict.load_json` has to look at it.

    What is returned is what the strict reader and `RawLead.model_validate` would have made of it.
    None says nothing of the body: it may be wrong, or right and written in an unusual way.

    Notes
    -----
    All else that the strict reader refuses is refused by the fields of a lead as well: every
    number has bounds, text has no NUL, and nothing nests deeper than a section. Each name in the
    body ends in a quote, then a colon. So, without white space between them, the quotes before a
    colon are at least as many as the names, and the names at least as many as the fields set;
    where the first and the last are equal, no name came twice.
    """
    # One byte is found much faster than six, and many bodies have none of these.
    if b"\\" in body and ESCAPED_NUL in body:
        return None
    try:
        lead = plain_reader().validate_json(body)
    except ValidationError:
        return None
    if body.count(_END_OF_NAME) != _n_fields_set(lead) or _SPACED_NAME.search(body):
        return None
    found: RawLead = lead
    return found


def _n_fields_set(lead: RawLead) -> int:
    """Return how many names of fields and attributes a lead was given."""
    return (
        len(lead.__pydantic_fields_set__)
        + len(lead.contact.__pydantic_fields_set__)
        + len(lead.company.__pydantic_fields_set__)
        + len(lead.interest.__pydantic_fields_set__)
        + len(lead.engagement.__pydantic_fields_set__)
        + len(lead.campaign.__pydantic_fields_set__)
        + len(lead.consent.__pydantic_fields_set__)
        + len(lead.attributes)
    )
