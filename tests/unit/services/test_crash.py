"""A server that is killed loses nothing that it has acknowledged, and doubles nothing."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from leadqual.store import open_store
from leadqual.testing import START, make_bundle, make_serving

N_KILLS = 3
N_ACKNOWLEDGED_BEFORE_KILL = 150
POSTER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from leadqual.testing import make_bundle, make_call, make_serving, take_in

folder, run = Path(sys.argv[1]), int(sys.argv[2])
serving = make_serving(folder, bundle=make_bundle())

def post(number):
    call = make_call(serving, once=f"{number}:body")
    result = take_in(serving, number, call=call)
    sys.stdout.write(f"{number} {result.lead_id}\\n")
    sys.stdout.flush()

with ThreadPoolExecutor(16) as pool:
    for number in range(100_000):
        pool.submit(post, number)
"""


def post_until_killed(folder: Path, run: int) -> dict[int, str]:
    """Post leads in a child process, kill it, and return what it had acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", POSTER, str(folder), str(run)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(N_ACKNOWLEDGED_BEFORE_KILL)]
    child.kill()
    lines += child.stdout.readlines()
    child.wait(10)
    child.stdout.close()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(number): lead_id for number, lead_id in whole}


def test_killed_servers_lose_and_double_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    make_serving(tmp_path, bundle=make_bundle()).close()

    acknowledged = [post_until_killed(tmp_path, run) for run in range(N_KILLS)]

    first = acknowledged[0]
    assert len(first) >= N_ACKNOWLEDGED_BEFORE_KILL
    for later in acknowledged[
        1:
    ]:  # the same keys again: the answers before the kill, not new leads
        assert all(later[number] == lead_id for number, lead_id in first.items() if number in later)
    with closing(open_store(f"sqlite:///{tmp_path / 'leadqual.db'}")) as store, store.read() as tx:
        for number, lead_id in {n: i for run in acknowledged for n, i in run.items()}.items():
            assert tx.leads.get(lead_id).lead.company.name == f"Company {number}"
            assert tx.scores.latest(lead_id) is not None
            assert tx.queue.get(lead_id) is not None
        n_told = len(tx.outbox.due(now=START, limit=100_000))
        assert n_told == tx.leads.count()
        assert tx.queue.verify(START) == ()
