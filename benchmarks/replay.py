"""Replay a dated export against a running server: leads as they came, outcomes as they happened.

::

    python -m benchmarks.replay --data ../shared/data/olist_funnel \
      --mapping data_samples/mappings/olist.yaml --until 2018-03-01 --out scores.jsonl

Leads and outcomes are merged in time order and posted one by one over HTTP, so that the server
sees nothing before its time. Each answer is written as one JSON line. Leads without a way to
reach the person (research data is anonymised) get one under the reserved `.example` domain.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import httpx
from rich.progress import track

from leadqual.leads.mapping import MappingSpec, load_mapping
from leadqual.leads.schema import Lead
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.mapped import iter_events, iter_leads

Body = dict[str, object]
DERIVED = {"email_domain", "is_free_mail"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: a lead came in, or an outcome became known."""

    at: datetime
    subject: str
    path: str
    body: Body


@dataclass(frozen=True, slots=True)
class Window:
    """What to replay: from `since` (inclusive) to `until` (exclusive)."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment lies inside."""
        return self.since <= moment < self.until


def lead_step(external_id: str, lead: Lead) -> Step:
    """Return the request that brings one lead in."""
    body: Body = lead.model_dump(mode="json", exclude_none=True, exclude=DERIVED)
    body["external_id"] = external_id
    contact = dict(lead.contact.model_dump(exclude_none=True))
    if not (lead.contact.email or lead.contact.phone or lead.company.domain):
        contact["email"] = f"{external_id}@replayed.example"
    body["contact"] = contact
    return Step(lead.created_at, external_id, "/v1/leads", body)


def outcome_step(event: OutcomeEvent, at: datetime) -> Step:
    """Return the request that records one outcome; `at` is when it happened."""
    row: Body = {
        "external_id": event.lead_id,
        "type": event.type.value,
        "occurred_at": at.isoformat(),
    }
    if event.reason is not None:
        row["reason"] = event.reason.value
    if event.amount_usd is not None:
        row["amount_usd"] = event.amount_usd
    return Step(at, event.lead_id, "/v1/outcomes/batch", {"outcomes": [row]})


def read_steps(data: Path, mapping: MappingSpec) -> list[Step]:
    """Return everything that happened, in time order; outcomes before their lead follow it."""
    arrivals: dict[str, Step] = {}
    for leads in iter_leads(data, mapping, now=datetime.now(UTC)):
        for row in leads:
            if row.external_id is not None and isinstance(row.result, Lead):
                arrivals.setdefault(row.external_id, lead_step(row.external_id, row.result))
    steps = list(arrivals.values())
    for events in iter_events(data, mapping):
        for found in events:
            event = found.result
            if not isinstance(event, OutcomeEvent) or event.lead_id not in arrivals:
                continue
            arrived = arrivals[event.lead_id].at
            steps.append(outcome_step(event, max(event.occurred_at or arrived, arrived)))
    steps.sort(key=lambda step: step.at)
    return steps


def post_all(client: httpx.Client, steps: list[Step], out: IO[str]) -> Iterator[None]:
    """Post each step and write each lead's answer; stop at the first refusal.

    Raises
    ------
    httpx.HTTPStatusError
        The server refused a request.
    RuntimeError
        An outcome was not recorded.
    """
    for step in steps:
        answer = client.post(step.path, json=step.body)
        answer.raise_for_status()
        said = answer.json()
        if step.path == "/v1/leads":
            line = {"external_id": step.subject, "at": step.at.isoformat(), **said}
            out.write(json.dumps(line) + "\n")
        elif any(result.get("errors") for result in said["results"]):
            raise RuntimeError(f"an outcome was refused: {said['results']}")
        yield


def replay(client: httpx.Client, steps: list[Step], *, window: Window, out: Path) -> int:
    """Post what lies in the window, with a progress bar; return how many requests that were."""
    due = [step for step in steps if window.holds(step.at)]
    with out.open("a", encoding="utf-8") as answers:
        posted = post_all(client, due, answers)
        for _ in track(posted, total=len(due), description=f"until {window.until:%Y-%m-%d}"):
            pass
    return len(due)


def main(arguments: list[str] | None = None) -> int:
    """Parse, replay, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mapping", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True, help="leads:write and outcomes:write")
    parser.add_argument("--since", type=_day, default=datetime(1990, 1, 1, tzinfo=UTC))
    parser.add_argument("--until", type=_day, default=datetime.now(UTC))
    parser.add_argument("--out", type=Path, default=Path("scores.jsonl"))
    given = parser.parse_args(arguments)
    steps = read_steps(given.data, load_mapping(given.mapping))
    headers = {"Authorization": f"Bearer {given.key}"}
    with httpx.Client(base_url=given.url, headers=headers, timeout=30) as client:
        window = Window(given.since, given.until)
        n_requests = replay(client, steps, window=window, out=given.out)
    print(f"{n_requests} requests; answers in {given.out}")
    return 0


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
