from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leadqual.errors import PermissionDeniedError
from leadqual.leads.schema import Rejected
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call
from leadqual.services.forms import HONEYPOT, FormReceipt, lead_payload
from leadqual.services.idempotent import Once
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_raw_lead, take_in

PAGE = "https://www.example.com"


@pytest.fixture
def form_call(serving: Serving, clock: FrozenClock) -> Call:
    made = serving.keys.create_form("site", [PAGE], call=make_call(serving))
    return Call(serving.keys.verify(made.secret, now=clock()), clock())


def submit(serving: Serving, call: Call, *, origin: str | None = PAGE, **fields: Any) -> Any:
    """Post a form and wait for its commit."""
    return serving.forms.submit(fields, call=call, origin=origin).result(10)


def test_flat_fields_find_their_place_in_the_lead(serving: Serving, form_call: Call) -> None:
    receipt = submit(
        serving,
        form_call,
        email="Ada@Company1.example",
        first_name="Ada",
        last_name="Beispiel",
        company="Hafen Logistik",
        n_employees="120",
        message="Please call",
        utm_source="ads",
        marketing_consent="on",
        phone="",
        _token="ignored",
        favourite_colour="blue",
        **{"company.industry": "Logistics"},
    )

    with serving.store.read() as tx:
        lead = tx.leads.get(receipt.lead_id).lead
    assert lead.source == "web_form"
    assert (lead.contact.email, lead.contact.full_name) == ("ada@company1.example", "Ada Beispiel")
    assert (lead.company.name, lead.company.n_employees) == ("Hafen Logistik", 120)
    assert lead.company.industry == "Logistics"
    assert lead.campaign.utm_source == "ads"
    assert lead.consent.marketing is True
    assert lead.attributes == {"favourite_colour": "blue"}


def test_the_shape_of_the_api_is_taken_as_it_is() -> None:
    payload = make_raw_lead(3).model_dump(mode="json", exclude_unset=True)

    assert lead_payload(payload) == payload


def test_the_answer_is_the_same_whether_the_person_is_new_known_or_erased(
    serving: Serving, form_call: Call
) -> None:
    later = replace(form_call, now=form_call.now + timedelta(days=1))
    new = submit(serving, form_call, email="ada@company1.example")
    known = submit(serving, later, email="ada@company1.example")
    serving.leads.erase(new.lead_id, call=make_call(serving))
    erased = submit(serving, later, email="ada@company1.example")
    stranger = submit(serving, later, email="bob@company2.example")

    assert {type(answer) for answer in (new, known, erased)} == {FormReceipt}
    assert {new.status, known.status, erased.status} == {"accepted"}
    when = {answer.lead_id[:12] for answer in (known, erased, stranger)}
    assert len(when) == 1, "the time in a receipt is that of the post, known or not"
    assert {len(answer.lead_id) for answer in (new, known, erased, stranger)} == {32}
    assert len({answer.lead_id for answer in (new, known, erased, stranger)}) == 4
    with serving.store.read() as tx:
        assert tx.leads.count() == 2


def test_a_repeated_post_gets_its_receipt_again_from_new_known_and_erased_alike(
    serving: Serving, form_call: Call
) -> None:
    def post_twice(key: str) -> list[str]:
        once = Once.of(key, scope="form", body=b"")
        later = form_call.now + timedelta(minutes=1)
        calls = (replace(form_call, once=once), replace(form_call, once=once, now=later))
        return [submit(serving, call, email="ada@company1.example").lead_id for call in calls]

    new, known = post_twice("first"), post_twice("second")
    serving.leads.erase(new[0], call=make_call(serving))
    erased = post_twice("third")

    for receipts in (new, known, erased):
        assert receipts[0] == receipts[1]


def test_a_filled_hidden_field_leads_to_quarantine(serving: Serving, form_call: Call) -> None:
    receipt = submit(
        serving, form_call, email="ada@company1.example", **{HONEYPOT: "https://spam.example"}
    )

    view = serving.leads.get(receipt.lead_id, call=make_call(serving))
    assert view.decision is not None
    assert view.decision.queue is Queue.QUARANTINE


@pytest.mark.parametrize(
    "fields",
    [
        {"external_id": "hs-1"},
        {"motion": "outbound"},
        {"created_at": "2026-01-01T00:00:00Z"},
        {"company.is_customer": "true"},
        {"company": {"is_customer": True}},
    ],
    ids=str,
)
def test_a_visitor_does_not_decide_on_identity_or_routing(
    serving: Serving, form_call: Call, fields: dict[str, Any]
) -> None:
    result = submit(serving, form_call, email="ada@company1.example", **fields)

    assert isinstance(result, Rejected)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", PAGE + ".evil.example"])
def test_a_page_that_is_not_listed_is_refused(
    serving: Serving, form_call: Call, origin: str | None
) -> None:
    with pytest.raises(PermissionDeniedError):
        submit(serving, form_call, origin=origin, email="ada@company1.example")


def test_a_key_without_listed_pages_works_anywhere(serving: Serving, clock: FrozenClock) -> None:
    made = serving.keys.create_form("anywhere", [], call=make_call(serving))
    call = Call(serving.keys.verify(made.secret, now=clock()), clock())

    assert isinstance(submit(serving, call, origin=None, email="a@b1.example"), FormReceipt)


def test_forms_take_no_secret_keys(serving: Serving) -> None:
    with pytest.raises(PermissionDeniedError):
        submit(serving, make_call(serving), email="ada@company1.example")


def test_a_form_key_reads_nothing(serving: Serving, form_call: Call) -> None:
    lead_id = take_in(serving, 49).lead_id

    for read in (
        lambda: serving.leads.get(lead_id, call=form_call),
        lambda: serving.queues.row(lead_id, call=form_call),
        lambda: serving.previews.preview(make_raw_lead(), call=form_call),
        lambda: serving.queues.page(Queue.MRR, call=form_call),
    ):
        with pytest.raises(PermissionDeniedError):
            read()


def test_an_unusable_form_says_which_field_is_wrong(serving: Serving, form_call: Call) -> None:
    result = submit(serving, form_call, email="not an address")

    assert isinstance(result, Rejected)
    assert result.reasons[0].field == "contact.email"
