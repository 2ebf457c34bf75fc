from datetime import timedelta

import pytest

from leadqual.errors import (
    AuthenticationError,
    ConflictError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
)
from leadqual.services.access import OVERLAP, SEEN_FOR, Keys, NewKey
from leadqual.services.calls import Call, PrincipalKind, Role, Scope
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_raw_lead


@pytest.fixture
def made(serving: Serving) -> NewKey:
    return serving.keys.create_secret("crm", [Scope.LEADS_READ], call=make_call(serving))


def test_a_key_is_known_again_with_its_scopes_and_no_others(
    serving: Serving, made: NewKey, clock: FrozenClock
) -> None:
    principal = serving.keys.verify(made.secret, now=clock())

    assert principal.kind is PrincipalKind.SECRET_KEY
    assert principal.scopes == {Scope.LEADS_READ}
    with pytest.raises(PermissionDeniedError):
        serving.intake.accept(make_raw_lead(), call=Call(principal, clock()))


def test_only_a_hash_of_a_key_is_kept(serving: Serving, made: NewKey) -> None:
    with serving.store.read() as tx:
        (record,) = tx.keys.list()

    assert made.secret.startswith(f"{record.prefix}_")
    assert made.secret.removeprefix(f"{record.prefix}_") not in repr(record)


@pytest.mark.parametrize(
    "presented",
    ["", "lq_sk_", "lq_sk_000000000000_" + "A" * 43, "lq_sk_\x00", "é" * 60, "A" * 100_000],
)
def test_what_is_no_key_is_refused(serving: Serving, presented: str, clock: FrozenClock) -> None:
    with pytest.raises(AuthenticationError):
        serving.keys.verify(presented, now=clock())


def test_a_key_with_one_character_changed_is_refused(
    serving: Serving, made: NewKey, clock: FrozenClock
) -> None:
    last = "A" if made.secret[-1] != "A" else "B"

    with pytest.raises(AuthenticationError):
        serving.keys.verify(made.secret[:-1] + last, now=clock())


def test_a_key_ends_when_it_expires(serving: Serving, clock: FrozenClock) -> None:
    end = clock() + timedelta(hours=1)
    made = serving.keys.create_secret(
        "short", [Scope.LEADS_READ], call=make_call(serving), expires_at=end
    )
    serving.keys.verify(made.secret, now=clock())

    with pytest.raises(AuthenticationError):
        serving.keys.verify(made.secret, now=clock.advance(timedelta(hours=1)))


def test_a_revoked_key_is_refused_at_once_here_and_within_seconds_elsewhere(
    serving: Serving, made: NewKey, clock: FrozenClock
) -> None:
    elsewhere = Keys(serving.store, serving.writer)
    elsewhere.verify(made.secret, now=clock())

    serving.keys.revoke(made.key.key_id, call=make_call(serving))

    with pytest.raises(AuthenticationError):
        serving.keys.verify(made.secret, now=clock())
    with pytest.raises(AuthenticationError):
        elsewhere.verify(made.secret, now=clock.advance(SEEN_FOR))


def test_a_rotated_key_works_on_beside_its_successor_for_a_while(
    serving: Serving, made: NewKey, clock: FrozenClock
) -> None:
    successor = serving.keys.rotate(made.key.key_id, call=make_call(serving))

    old, new = (serving.keys.verify(key, now=clock()) for key in (made.secret, successor.secret))
    clock.advance(OVERLAP)

    assert old.scopes == new.scopes
    serving.keys.verify(successor.secret, now=clock())
    with pytest.raises(AuthenticationError):
        serving.keys.verify(made.secret, now=clock())
    with pytest.raises(ConflictError):
        serving.keys.rotate(made.key.key_id, call=make_call(serving))


def test_a_form_key_has_origins_and_no_scope(serving: Serving, clock: FrozenClock) -> None:
    made = serving.keys.create_form("site", ["https://www.example.com"], call=make_call(serving))

    principal = serving.keys.verify(made.secret, now=clock())

    assert made.secret.startswith("lq_pk_")
    assert (principal.kind, principal.scopes) == (PrincipalKind.FORM_KEY, frozenset())
    assert principal.origins == ("https://www.example.com",)


@pytest.mark.parametrize(
    "origin", ["www.example.com", "https://www.example.com/path", "*", "javascript:alert(1)", ""]
)
def test_an_origin_that_no_browser_sends_is_refused(serving: Serving, origin: str) -> None:
    with pytest.raises(InputError):
        serving.keys.create_form("site", [origin], call=make_call(serving))


def test_a_key_needs_a_name_a_scope_and_a_future(serving: Serving, clock: FrozenClock) -> None:
    call = make_call(serving)

    with pytest.raises(InputError):
        serving.keys.create_secret(" ", [Scope.LEADS_READ], call=call)
    with pytest.raises(InputError):
        serving.keys.create_secret("crm", [], call=call)
    with pytest.raises(InputError):
        serving.keys.create_secret("crm", [Scope.LEADS_READ], call=call, expires_at=clock())


@pytest.mark.parametrize("key_id", ["", "0", "-1", "nine", "9" * 40, "٣"])
def test_a_key_that_does_not_exist_cannot_be_revoked(serving: Serving, key_id: str) -> None:
    with pytest.raises(NotFoundError):
        serving.keys.revoke(key_id, call=make_call(serving))


def test_only_administrators_make_and_see_keys(serving: Serving) -> None:
    call = make_call(serving, Role.LEADER)

    with pytest.raises(PermissionDeniedError):
        serving.keys.create_secret("crm", [Scope.LEADS_READ], call=call)
    with pytest.raises(PermissionDeniedError):
        serving.keys.list(call=call)


def test_the_use_of_a_key_is_noted_and_every_change_audited(
    serving: Serving, made: NewKey, clock: FrozenClock
) -> None:
    serving.keys.verify(made.secret, now=clock.advance(timedelta(minutes=1)))
    serving.keys.revoke(made.key.key_id, call=make_call(serving))

    (view,) = serving.keys.list(call=make_call(serving))
    with serving.store.read() as tx:
        actions = [entry.action for entries in tx.audit.iter_all() for entry in entries]
        check = tx.audit.verify()
    assert view.last_used_at == clock()
    assert actions[-2:] == ["key.created", "key.revoked"]
    assert check.is_intact
