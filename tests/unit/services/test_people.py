from datetime import timedelta

import pytest

from leadqual.errors import (
    AuthenticationError,
    ConflictError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    ThrottledError,
)
from leadqual.services.calls import Role
from leadqual.services.people import SESSION_ABSOLUTE, SESSION_IDLE, NewSession
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def mira(serving: Serving) -> None:
    serving.people.add_user("mira", PASSWORD, role=Role.MRR, call=make_call(serving))


def log_in(serving: Serving, password: str = PASSWORD, *, name: str = "mira") -> NewSession:
    return serving.people.log_in(name, password, client="198.51.100.7", now=serving.clock())


def test_a_session_knows_who_it_is_and_what_they_may_do(serving: Serving) -> None:
    opened = log_in(serving)

    session = serving.people.session(opened.cookie, now=serving.clock())

    assert (session.principal.name, session.principal.role) == ("mira", Role.MRR)
    assert session == opened.session


def test_neither_password_nor_cookie_are_kept(serving: Serving) -> None:
    opened = log_in(serving)

    with serving.store.read() as tx:
        user = tx.users.get("mira")
        by_cookie = tx.sessions.find(opened.cookie)
    assert PASSWORD not in user.password_hash
    assert user.password_hash.startswith("$argon2id$")
    assert by_cookie is None


@pytest.mark.parametrize(
    ("name", "password"), [("mira", "wrong"), ("nobody", PASSWORD), ("mira", ""), ("", PASSWORD)]
)
def test_a_wrong_pair_is_refused_without_saying_which_half(
    serving: Serving, name: str, password: str
) -> None:
    with pytest.raises(AuthenticationError, match=r"^user name or password is wrong$"):
        log_in(serving, password, name=name)


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(
    serving: Serving, clock: FrozenClock
) -> None:
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            log_in(serving, "wrong password")

    with pytest.raises(ThrottledError) as throttled:
        log_in(serving)

    clock.advance(timedelta(seconds=throttled.value.retry_after_seconds))
    log_in(serving)


def test_one_client_cannot_try_many_names(serving: Serving) -> None:
    for number in range(20):
        with pytest.raises(AuthenticationError):
            log_in(serving, name=f"guess-{number}")

    with pytest.raises(ThrottledError):
        log_in(serving)


def test_a_right_password_forgets_the_wrong_ones(serving: Serving) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(AuthenticationError):
                log_in(serving, "wrong password")
        log_in(serving)


def test_a_session_ends_when_nobody_uses_it(serving: Serving, clock: FrozenClock) -> None:
    opened = log_in(serving)
    clock.advance(SESSION_IDLE)

    with pytest.raises(AuthenticationError):
        serving.people.session(opened.cookie, now=clock())


def test_a_session_in_use_lasts_a_day_at_most(serving: Serving, clock: FrozenClock) -> None:
    opened = log_in(serving)
    for _ in range(5):
        clock.advance(SESSION_ABSOLUTE / 6)
        serving.people.session(opened.cookie, now=clock())
        serving.writer.run(lambda _: None)  # the use is noted without making the request wait
    clock.advance(SESSION_ABSOLUTE / 6)

    with pytest.raises(AuthenticationError):
        serving.people.session(opened.cookie, now=clock())


@pytest.mark.parametrize("end", ["log out", "new password", "deactivate"])
def test_a_session_is_over_at_once(serving: Serving, end: str) -> None:
    opened, call = log_in(serving), make_call(serving)

    if end == "log out":
        serving.people.log_out(opened.cookie, now=serving.clock())
    elif end == "new password":
        serving.people.set_password("mira", "another good password", call=call)
    else:
        serving.people.deactivate("mira", call=call)

    with pytest.raises(AuthenticationError):
        serving.people.session(opened.cookie, now=serving.clock())


def test_who_was_locked_out_cannot_log_in(serving: Serving) -> None:
    serving.people.deactivate("mira", call=make_call(serving))

    with pytest.raises(AuthenticationError):
        log_in(serving)


def test_a_form_of_another_session_is_refused(serving: Serving) -> None:
    mine, other = log_in(serving).session, log_in(serving).session

    serving.people.check_csrf(mine, mine.csrf_token)
    for presented in (other.csrf_token, "", "é"):
        with pytest.raises(PermissionDeniedError):
            serving.people.check_csrf(mine, presented)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "../x", "a" * 65, "ä", "system", "key:1"])
def test_a_name_that_could_be_mistaken_is_refused(serving: Serving, name: str) -> None:
    with pytest.raises(InputError):
        serving.people.add_user(name, PASSWORD, role=Role.SDR, call=make_call(serving))


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_too_short_or_too_long_is_refused(serving: Serving, password: str) -> None:
    with pytest.raises(InputError):
        serving.people.add_user("otto", password, role=Role.SDR, call=make_call(serving))


def test_a_name_is_taken_once(serving: Serving) -> None:
    with pytest.raises(ConflictError):
        serving.people.add_user("mira", PASSWORD, role=Role.SDR, call=make_call(serving))


def test_only_administrators_manage_people(serving: Serving) -> None:
    call = make_call(serving, Role.LEADER)

    with pytest.raises(PermissionDeniedError):
        serving.people.add_user("otto", PASSWORD, role=Role.SDR, call=call)
    with pytest.raises(PermissionDeniedError):
        serving.people.list(call=call)
    with pytest.raises(NotFoundError):
        serving.people.deactivate("nobody", call=make_call(serving))


def test_a_rep_sees_which_active_aes_a_hand_off_can_go_to(serving: Serving) -> None:
    call = make_call(serving)
    for name in ("anna", "bert"):
        serving.people.add_user(name, PASSWORD, role=Role.AE, call=call)
    serving.people.deactivate("bert", call=call)

    assert serving.people.closers(call=make_call(serving, Role.MRR)) == ("anna",)
