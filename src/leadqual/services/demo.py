"""From nothing to a service with a history, a model, people, keys and live leads."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from leadqual.errors import AuthenticationError, ConfigError, StoreError
from leadqual.routing.decision import Queue
from leadqual.services.calls import SYSTEM, Call, Role, Scope
from leadqual.services.histories import HistorySource
from leadqual.services.importing import ImportRequest, import_file
from leadqual.services.intake import IntakeStatus
from leadqual.services.judging import load_champion
from leadqual.services.serving import Serving
from leadqual.services.training import train
from leadqual.services.workshop import Workshop, call_of_operator, mirror_aliases
from leadqual.simulation.funnel import live_leads, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters

N_LEADS: Final = 15_000
N_DAYS: Final = 730
SEED: Final = 7
N_LIVE: Final = 160
LIVE_DAYS: Final = 1.0
DEMO_FILE: Final = "demo.json"
FEED: Final = "demo"
FILES: Final = ("leads.csv", "outcomes.csv", "truth.csv")
LOGINS: Final = (Role.MRR, Role.SDR, Role.AE, Role.AM, Role.LEADER, Role.SCIENTIST, Role.ADMIN)

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Login:
    """One person who may log in to the demo."""

    username: str
    password: str
    role: str


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """What `demo.json` holds (CONTRACT `leadqual demo`)."""

    url: str
    api_key: str
    form_key: str
    logins: tuple[Login, ...]


@dataclass(frozen=True, slots=True)
class DemoModel:
    """Which model the demo serves, and whether this run trained it."""

    version: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much history the demo simulates."""

    n_leads: int = N_LEADS
    n_days: int = N_DAYS


def prepare_model(
    workshop: Workshop, *, now: datetime, on_step: Step, size: DemoSize | None = None
) -> DemoModel:
    """Make sure there are a history, a model trained on it and a champion; quick when so.

    Raises
    ------
    LeadqualError
        A step failed; what was done before it stays and is not done again.
    """
    champion, _ = load_champion(workshop)
    if champion is not None:
        return DemoModel(version=champion.version, is_new=False)
    folder = workshop.settings.home / "demo"
    _simulate_if_absent(folder, size or DemoSize(), now=now, on_step=on_step)
    on_step("Importing leads and outcomes")
    request = ImportRequest(data=folder, mapping=sample_mapping())
    import_file(workshop, request, now=now)
    trained = train(workshop, HistorySource(), now=now, on_step=on_step)
    on_step(f"Promoting model {trained.version}")
    # A demo serves what it trained; without a champion there is nothing it could be worse than.
    reason = None if trained.judgement.verdict.promote else "the demo serves its only model"
    workshop.models.promote(trained.version, call=call_of_operator(now), force_reason=reason)
    mirror_aliases(workshop)
    return DemoModel(version=trained.version, is_new=True)


def prepare_access(serving: Serving, *, url: str, now: datetime, on_step: Step) -> DemoAccess:
    """Make users and keys, or find those of an earlier run, and write `demo.json` (0600)."""
    on_step("Creating logins and keys")
    path = serving.settings.home / DEMO_FILE
    known = _read_access(path)
    access = DemoAccess(
        url=url,
        api_key=_api_key(serving, known, now=now),
        form_key=_form_key(serving, known, url=url, now=now),
        logins=_logins(serving, known, now=now),
    )
    _write_privately(path, json.dumps(asdict(access), indent=2) + "\n")
    return access


def seed_queues(serving: Serving, *, now: datetime, on_step: Step, n_leads: int = N_LIVE) -> int:
    """Take live leads in, as the API would, unless both queues have work; return how many.

    Raises
    ------
    StoreError
        Not one of them was taken.
    """
    call = Call(principal=SYSTEM, now=now)
    n_open = {summary.queue: summary.n_open for summary in serving.queues.summaries(call=call)}
    if n_open.get(Queue.MRR, 0) and n_open.get(Queue.SDR, 0):
        return 0
    on_step("Taking in live leads")
    days = timedelta(days=LIVE_DAYS)
    payloads = live_leads(
        _parameters(DemoSize(), now=now), n_leads, start=now - days, days=LIVE_DAYS
    )
    rows = serving.intake.accept_many(payloads, call=call, feed=FEED)
    n_taken = sum(row.status is not IntakeStatus.REJECTED for row in rows)
    if not n_taken:
        raise StoreError("no live lead was taken; `leadqual doctor` says what is broken")
    return n_taken


def sample_mapping() -> Path:
    """Return the mapping file of the simulated history, which lies beside the sources.

    Raises
    ------
    ConfigError
        This installation came without the sample files.
    """
    path = Path(__file__).parents[3] / "data_samples" / "mappings" / "sample.yaml"
    if not path.is_file():
        raise ConfigError(
            "the demo needs data_samples/ of the source tree; run it from a clone with `make demo`"
        )
    return path


def _simulate_if_absent(folder: Path, size: DemoSize, *, now: datetime, on_step: Step) -> None:
    """Write the history whole or not at all: a killed demo must not leave half a file."""
    if all((folder / name).is_file() for name in FILES):
        return
    on_step(f"Simulating {size.n_leads:,} leads over {size.n_days} days")
    draft = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    write_csv(simulate(_parameters(size, now=now)), draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _parameters(size: DemoSize, *, now: datetime) -> FunnelParameters:
    """Let the history end at midnight before `now`, so that the demo is never stale."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=size.n_days)
    return FunnelParameters(n_leads=size.n_leads, n_days=size.n_days, seed=SEED, start=start)


def _read_access(path: Path) -> DemoAccess | None:
    """Return what an earlier run wrote; None where there is none that can be used."""
    try:
        return TypeAdapter(DemoAccess).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _api_key(serving: Serving, known: DemoAccess | None, *, now: datetime) -> str:
    if known is not None and _is_good(serving, known.api_key, now=now):
        return known.api_key
    call = call_of_operator(now)
    return serving.keys.create_secret("demo", frozenset(Scope), call=call).secret


def _form_key(serving: Serving, known: DemoAccess | None, *, url: str, now: datetime) -> str:
    if known is not None and known.url == url and _is_good(serving, known.form_key, now=now):
        return known.form_key
    origins = sorted({url, url.replace("127.0.0.1", "localhost")})
    call = call_of_operator(now)
    return serving.keys.create_form("demo form", origins, call=call).secret


def _is_good(serving: Serving, key: str, *, now: datetime) -> bool:
    try:
        serving.keys.verify(key, now=now)
    except AuthenticationError:
        return False
    return True


def _logins(serving: Serving, known: DemoAccess | None, *, now: datetime) -> tuple[Login, ...]:
    """Return one login per role; people that exist keep the password that we know."""
    call = call_of_operator(now)
    there = {view.username for view in serving.people.list(call=call)}
    passwords = {} if known is None else {entry.username: entry.password for entry in known.logins}
    logins = []
    for role in LOGINS:
        name = role.value
        password = passwords.get(name) or secrets.token_urlsafe(9)
        if name not in there:
            serving.people.add_user(name, password, role=role, call=call)
        elif name not in passwords:
            serving.people.set_password(name, password, call=call)
        logins.append(Login(username=name, password=password, role=role.value))
    return tuple(logins)


def _write_privately(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else can read it at any time."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)
