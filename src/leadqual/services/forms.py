"""Public web forms: flat fields in, nothing about the score out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from leadqual.leads.schema import Rejected
from leadqual.services.calls import Call

HONEYPOT = "website_url"
"""A field people do not see; a lead that fills it goes to quarantine."""


@dataclass(frozen=True, slots=True)
class FormReceipt:
    """All that a public form is told; the same whether the person was known or not."""

    lead_id: str
    status: str = "accepted"


class Forms:
    """Take leads from public forms.

    Methods
    -------
    submit(fields, *, call, origin) -> Future[FormReceipt | Rejected]
    """

    def submit(
        self, fields: Mapping[str, object], *, call: Call, origin: str | None
    ) -> Future[FormReceipt | Rejected]:
        """Take one posted form; the future resolves after COMMIT.

        Parameters
        ----------
        fields : mapping
            Either a lead as in the API, or flat names as in an HTML form: `email`, `full_name`,
            `job_title`, `phone`, `company`, `message`, `utm_source`… or dotted (`company.name`);
            other names become attributes.
        call : Call
            Its principal must be a form key (`Keys.verify`).
        origin : str or None
            The `Origin` header. A key with listed origins refuses others, and none.

        Raises
        ------
        PermissionDeniedError
            At once, when the key is no form key or the origin is not listed.
        """
        raise AssertionError
