import json
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.errors import AuthenticationError
from leadqual.routing.decision import Queue
from leadqual.services.calls import Role, Scope
from leadqual.services.demo import (
    LOGINS,
    DemoSize,
    prepare_access,
    prepare_model,
    seed_queues,
)
from leadqual.services.histories import read_store_history
from leadqual.services.serving import Serving
from leadqual.services.workshop import Workshop
from leadqual.testing import START, make_bundle, make_call, make_serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "http://127.0.0.1:8000"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    opened = make_serving(tmp_path, bundle=make_bundle())
    yield opened
    opened.close()


def ignore(_step: str) -> None:
    pass


def test_demo_file_opens_every_door_and_only_its_owner_may_read_it(serving: Serving) -> None:
    prepare_access(serving, url=URL, now=START, on_step=ignore)

    path = serving.settings.home / "demo.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert written.keys() == {"url", "api_key", "form_key", "logins"}
    assert serving.keys.verify(written["api_key"], now=START).scopes == frozenset(Scope)
    assert serving.keys.verify(written["form_key"], now=START).scopes == frozenset()
    assert {login["role"] for login in written["logins"]} == {role.value for role in LOGINS}
    for login in written["logins"]:
        session = serving.people.log_in(
            login["username"], login["password"], client="test", now=START
        ).session
        assert session.principal.role == Role(login["role"])


def test_second_run_keeps_keys_and_passwords(serving: Serving) -> None:
    first = prepare_access(serving, url=URL, now=START, on_step=ignore)

    second = prepare_access(serving, url=URL, now=START, on_step=ignore)

    assert second == first
    assert len(serving.keys.list(call=make_call(serving))) == 2


def test_lost_demo_file_gives_new_passwords_to_the_same_people(serving: Serving) -> None:
    first = prepare_access(serving, url=URL, now=START, on_step=ignore)
    (serving.settings.home / "demo.json").write_text("{", encoding="utf-8")

    second = prepare_access(serving, url=URL, now=START, on_step=ignore)

    assert [login.username for login in second.logins] == [login.username for login in first.logins]
    login = second.logins[0]
    serving.people.log_in(login.username, login.password, client="test", now=START)
    with pytest.raises(AuthenticationError):
        serving.people.log_in(login.username, first.logins[0].password, client="test", now=START)


def test_form_key_follows_the_address_of_the_page(serving: Serving) -> None:
    first = prepare_access(serving, url=URL, now=START, on_step=ignore)

    moved = prepare_access(serving, url="http://127.0.0.1:9000", now=START, on_step=ignore)

    origins = serving.keys.verify(moved.form_key, now=START).origins
    assert moved.form_key != first.form_key
    assert moved.api_key == first.api_key
    assert set(origins) == {"http://127.0.0.1:9000", "http://localhost:9000"}


def test_both_queues_are_seeded_once_with_scored_leads(serving: Serving) -> None:
    n_taken = seed_queues(serving, now=START, on_step=ignore)

    again = seed_queues(serving, now=START, on_step=ignore)
    call = make_call(serving)
    n_open = {summary.queue: summary.n_open for summary in serving.queues.summaries(call=call)}
    top = serving.queues.page(Queue.MRR, call=call, limit=1).rows[0]
    assert n_taken > 100
    assert again == 0
    assert n_open[Queue.MRR] >= 10
    assert n_open[Queue.SDR] >= 10
    assert top.score.model_version == serving.scorer.live.model_version
    assert top.score.reasons


def test_model_is_made_once_from_a_simulated_history_and_again_when_it_is_lost(
    tmp_path: Path, open_bare: Callable[[Path], AbstractContextManager[Workshop]]
) -> None:
    steps: list[str] = []
    with open_bare(tmp_path / "home") as workshop:
        size = DemoSize(n_leads=4000, n_days=500)
        first = prepare_model(workshop, now=NOW, on_step=steps.append, size=size)
        n_steps = len(steps)
        again = prepare_model(workshop, now=NOW, on_step=steps.append, size=size)

        assert first.is_new
        assert not again.is_new
        assert again.version == first.version == workshop.models.aliases().champion
        assert len(steps) == n_steps
        assert read_store_history(workshop.store, as_of=None).n_leads == 4000
        assert (tmp_path / "home" / "demo" / "truth.csv").is_file()

        shutil.rmtree(workshop.registry.models_dir / first.version)
        healed = prepare_model(workshop, now=NOW, on_step=steps.append, size=size)

        assert healed.is_new
        assert workshop.registry.load(healed.version).version == healed.version
