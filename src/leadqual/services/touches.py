"""A person who comes again: what they said before and now, as one lead."""

from __future__ import annotations

from typing import Final, TypeVar

from pydantic import BaseModel

from leadqual.leads.schema import Lead

_SECTIONS: Final = ("contact", "company", "interest", "engagement", "campaign", "consent")
_Part = TypeVar("_Part", bound=BaseModel)


def merge_leads(earlier: Lead, later: Lead) -> Lead:
    """Return the later lead, completed by what only the earlier one said.

    Source, motion and creation time are the later ones: the lead is judged as it comes now.
    """
    parts = {name: _merged(getattr(earlier, name), getattr(later, name)) for name in _SECTIONS}
    of_address = earlier if later.contact.email is None else later
    news = {name: value for name, value in later.attributes.items() if value is not None}
    return later.model_copy(
        update={
            **parts,
            "external_id": later.external_id or earlier.external_id,
            "email_domain": of_address.email_domain,
            "is_free_mail": of_address.is_free_mail,
            "attributes": earlier.attributes | news,
        }
    )


def _merged(earlier: _Part, later: _Part) -> _Part:
    """Return a section with the gaps of the later one filled from the earlier one."""
    gaps = {name: value for name, value in earlier if getattr(later, name) is None}
    return later.model_copy(update=gaps)
