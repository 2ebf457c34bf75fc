"""Go once around on the Olist funnel: learn, serve, score over HTTP, record wins, learn again.

::

    python -m benchmarks.olist_walkthrough --data ../shared/data/olist_funnel

Starts a server of its own on a free port with a new home folder, replays the history over HTTP
in time order and prints a table for `docs/walkthrough-olist.md`:

1. the first 70 % of the leads come in, scored by the written rules; their wins are recorded;
2. a model is trained as of that day and promoted;
3. the next 15 % come in and are scored by it, wins are recorded as they happened;
4. retrained as of that day: the gate refuses, no later lead is old enough to compare on;
5. the last 15 % come in, and their wins; both versions score them for comparison;
6. retrained as of the end: now the gate has matured leads to compare the two on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.replay import Step, Window, read_steps, replay
from leadqual.leads.mapping import load_mapping

MAPPING = Path("data_samples/mappings/olist.yaml")
LEADS = "olist_marketing_qualified_leads_dataset.csv"
COMMAND = str(Path(sys.executable).parent / "leadqual")
START = datetime(2017, 1, 1, tzinfo=UTC)
END = datetime(2018, 11, 15, tzinfo=UTC)
LABEL_DAYS = timedelta(days=90)
N_BOOTSTRAP = 2_000
FIRST_MODEL = "first model, and too young a history for the gate to judge it"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deployment:
    """A home folder of its own and the commands that act on it."""

    home: Path

    def run(self, *arguments: str) -> dict[str, object]:
        """Run one `leadqual` command with --json and return what it printed.

        Raises
        ------
        subprocess.CalledProcessError
            The command failed.
        """
        command = [COMMAND, *arguments, "--json"]
        print("$ leadqual", *arguments, flush=True)
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=True)  # noqa: S603  # our own command
        said: dict[str, object] = json.loads(done.stdout)
        return said

    @property
    def environment(self) -> dict[str, str]:
        """Return this process's environment with the deployment's home."""
        return {**os.environ, "LEADQUAL_HOME": str(self.home)}


@dataclass(frozen=True)
class Truth:
    """Which leads were won within 90 days of their first contact."""

    won: frozenset[str]

    @classmethod
    def of(cls, steps: list[Step]) -> Truth:
        """Read it off the replayed history."""
        arrived = {step.subject: step.at for step in steps if step.path == "/v1/leads"}
        won = set()
        for step in steps:
            if step.path != "/v1/leads":
                lead_id = step.subject
                if step.at - arrived[lead_id] <= LABEL_DAYS:
                    won.add(lead_id)
        return cls(frozenset(won))

    def labels(self, lead_ids: list[str]) -> Floats:
        """Return 1.0 for each lead that was won, else 0.0."""
        return np.array([float(lead_id in self.won) for lead_id in lead_ids])


def describe(name: str, y: Floats, p: Floats) -> str:
    """Return one table row: AUC and log loss with 95 % intervals, and O/E."""
    rng = np.random.default_rng(7)
    draws = [rng.integers(0, len(y), len(y)) for _ in range(N_BOOTSTRAP)]
    aucs = [roc_auc_score(y[rows], p[rows]) for rows in draws]
    losses = [log_loss(y[rows], p[rows], labels=[0, 1]) for rows in draws]
    base = log_loss(y, np.full(len(y), y.mean()), labels=[0, 1])
    low, high = np.quantile(aucs, [0.025, 0.975])
    loss_low, loss_high = np.quantile(losses, [0.025, 0.975])
    return (
        f"| {name} | {len(y)} | {int(y.sum())} | {roc_auc_score(y, p):.3f} [{low:.3f}, {high:.3f}] "
        f"| {log_loss(y, p, labels=[0, 1]):.4f} [{loss_low:.4f}, {loss_high:.4f}] | {base:.4f} "
        f"| {y.sum() / p.sum():.2f} |"
    )


def read_answers(path: Path) -> tuple[list[str], Floats]:
    """Return lead ids and the conversion probabilities that the server answered."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    ids = [str(row["external_id"]) for row in rows]
    return ids, np.array([row["score"]["p_conversion"] for row in rows])


def score_offline(deployment: Deployment, data: Path, *, ids: list[str], version: str) -> Floats:
    """Score some leads of the export with any version, as `leadqual score` does."""
    wanted = set(ids)
    part, out = deployment.home / LEADS, deployment.home / "scored.csv"
    with (data / LEADS).open(encoding="utf-8") as source, part.open("w", encoding="utf-8") as sink:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(sink, rows.fieldnames or [])
        writer.writeheader()
        writer.writerows(row for row in rows if row["mql_id"] in wanted)
    deployment.run(
        "score", str(part), "--mapping", str(MAPPING), "--model", version, "--out", str(out)
    )
    with out.open(encoding="utf-8") as scored:
        found = {row["mql_id"]: float(row["p_conversion"]) for row in csv.DictReader(scored)}
    return np.array([found[lead_id] for lead_id in ids])


def walk(deployment: Deployment, data: Path, client: httpx.Client) -> list[str]:
    """Go once around and return the table."""
    steps = read_steps(data, load_mapping(MAPPING))
    truth = Truth.of(steps)
    arrivals = [step.at for step in steps if step.path == "/v1/leads"]
    first, second = (arrivals[int(share * len(arrivals))] for share in (0.70, 0.85))
    answers = [deployment.home / name for name in ("before.jsonl", "middle.jsonl", "late.jsonl")]
    day = "%Y-%m-%d"

    replay(client, steps, window=Window(START, first), out=answers[0])
    version = str(deployment.run("train", "--as-of", first.strftime(day))["version"])
    deployment.run("promote", version, "--force", FIRST_MODEL)
    wait_until_served(client, version)
    replay(client, steps, window=Window(first, second), out=answers[1])
    midway = deployment.run("retrain", "--as-of", second.strftime(day))
    print(json.dumps(midway, indent=1))
    wait_until_served(client, str(midway["champion"]))
    replay(client, steps, window=Window(second, END), out=answers[2])
    final = deployment.run("retrain", "--as-of", END.strftime(day))
    print(json.dumps(final, indent=1))
    wait_until_served(client, str(final["champion"]))

    ids, p_rules = read_answers(answers[0])
    middle_ids, p_middle = read_answers(answers[1])
    late_ids, _ = read_answers(answers[2])
    late = truth.labels(late_ids)
    before = score_offline(deployment, data, ids=late_ids, version=version)
    after = score_offline(deployment, data, ids=late_ids, version=str(midway["version"]))
    return [
        "| leads, scored by | leads | won in 90 d | AUC [95 %] | log loss [95 %] "
        "| base rate's log loss | O/E |",
        "|---|---|---|---|---|---|---|",
        describe(f"first 70 % (until {first:%Y-%m-%d}), written rules", truth.labels(ids), p_rules),
        describe(
            f"next 15 % (until {second:%Y-%m-%d}), {version}", truth.labels(middle_ids), p_middle
        ),
        describe(f"last 15 %, {version}", late, before),
        describe(f"last 15 %, {midway['version']}, {midway['ending']}", late, after),
    ]


def wait_until_served(client: httpx.Client, version: str) -> None:
    """Wait until the running server has swapped to a version (it polls twice a second).

    Raises
    ------
    RuntimeError
        It did not within ten seconds.
    """
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while client.get("/readyz").json().get("model_version") != version:
        if datetime.now(UTC) > deadline:
            raise RuntimeError(f"the server does not serve {version}")


def main(arguments: list[str] | None = None) -> int:
    """Start a server, walk, print the table, stop the server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/olist_funnel"))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder))
        key = deployment.run("keys", "create", "--scopes", "all", "--name", "walkthrough")
        serve = [COMMAND, "serve", "--port", "0"]
        with subprocess.Popen(  # noqa: S603  # our own command
            serve, env=deployment.environment, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                url = server.stdout.readline().split()[-1] if server.stdout else ""
                headers = {"Authorization": f"Bearer {key['key']}"}
                with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                    table = walk(deployment, given.data, client)
            finally:
                server.terminate()
    print("\n".join(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
