"""The benchmarks of speed run, and their reports say what a reader decides by."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.http.rounds import PEERS
from benchmarks.start import NAMES

ROOT = Path(__file__).parents[2]


def run(module: str, *options: str) -> str:
    """Run a benchmark as its user does, in a process and an event loop of its own."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    return subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=300
    ).stdout


def test_http_report_has_every_peer_in_both_loops_and_judges_each_target() -> None:
    report = run("http", "--quick")

    for loop in ("Closed", "Open"):
        section = report.split(f"**{loop} loop, 16 connections")[1].split("**", maxsplit=2)[1]
        for peer in PEERS:
            assert re.search(rf"\| {re.escape(peer.name)} \| [\d,]+ \|", section), (loop, peer)
    targets = report.split("**Targets of issue 4**")[1]
    assert len(re.findall(r"\| (?:met|not met) \|", targets)) == 15
    for floor in ("x floor of the same rows", "x floor of the body alone (harder)"):
        assert f"| POST /v1/leads, 16 connections, requests/s, {floor} | >= 0.5 |" in targets
    assert re.search(
        r"\| event loop, /v1/leads, 16 connections, largest late, ms \| <= 5 \|", targets
    )


def test_profile_gives_each_stage_a_share_of_the_whole_request() -> None:
    report = run("http", "--quick", "--profile")

    for path in ("/v1/leads", "/v1/score"):
        section = report.split(f"**One POST {path}**")[1].split("**")[0]
        for stage in ("read and validate (RawLead)", "heads, stages, amount, grade", "decision"):
            assert re.search(
                rf"\| {re.escape(stage)} (?:\| -?[\d,.]+ \| -?[\d,.]+ \| -?\d+% ){{2}}\|", section
            )
        assert len(re.findall(r"\| whole application, no sockets .*100%.*100% \|", section)) == 1
    assert "| begin, commit |" in report
    assert float(report.split(" statements per lead")[0].split()[-1]) > 3


def test_start_report_compares_with_each_peer_judges_the_target_and_lists_imports() -> None:
    report = run("start", "--quick")

    ours, naive = report.split("**leadqual: ")[1].split("**naive FastAPI + DataFrame: ")
    for name in NAMES:
        row = rf"\| {re.escape(name)} \| \d+\.\d\d \[.*\] \| \d+\.\d\d \[.*\] \| \d+ \|"
        assert re.search(row, report), name
    targets = report.split("**Targets of issue 4**")[1]
    assert len(re.findall(r"\| (?:met|not met) \|", targets)) == 2
    assert "| pydantic |" in ours
    assert ours.rstrip().endswith("it imports: none")
    assert "| sklearn |" in naive


def test_profile_of_the_start_takes_it_apart_stage_by_stage() -> None:
    report = run("start", "--quick", "--profile")

    for stage in ("library: numpy", "bundle: verify", "warm-up", "first POST /v1/leads"):
        assert re.search(rf"\| {stage}.* \| \d+ \| \d+% \|", report), stage
    assert re.search(r"of which Python and its libraries [\d,]+\.", report)
    assert re.search(r"0\.35 of that [\d,]+; floor: pydantic", report)


def test_training_report_compares_whole_fits_with_bare_ones_and_judges_each_target() -> None:
    report = run("train", "--quick")

    assert re.search(r"\| 1 \| \d+\.\d+ \| \d+\.\d+ \(\d\d fits\) \| \d+\.\d+ \|", report)
    assert re.search(r"Memory: [\d,]+ MiB .* dense matrix [\d,]+ MiB", report)
    targets = report.split("**Targets of issue 4**")[1]
    assert len(re.findall(r"\| (?:met|not met) \|", targets)) == 4


def test_core_report_compares_with_lightgbm_on_the_same_trees() -> None:
    report = run("core", "--quick")

    for way in (
        "one lead, with reasons",
        "16 leads together, with reasons",
        "LightGBM, pred_contrib",
    ):
        assert re.search(rf"\| {way}.* \| [\d.,]+ \| [\d.,]+ \| [\d,]+ \| \d+\.\d\d \[", report), (
            way
        )
    apart = re.search(r"values differ by (\S+), shares by (\S+)\.\n", report)
    assert apart
    assert max(map(float, apart.groups())) < 1e-9
    assert len(re.findall(r"\| (?:met|not met) \|", report)) == 2


def test_batch_report_judges_files_against_both_floors_and_memory() -> None:
    report = run("batch", "--quick")

    assert re.search(r"\| 1, with reasons \| [\d,]+ \| \d+\.\d\d \|", report)
    assert re.search(r"\| 1, with reasons \| [\d.]+ \((?:processes|threads)\) \|", report)
    targets = report.split("**Targets of issue 4**")[1]
    assert len(re.findall(r"\| (?:met|not met) \|", targets)) == 6
    assert len(re.findall(r"x LightGBM's own calls \| >= 0\.[68] \|", targets)) == 2
    assert re.search(r"CSV to CSV with reasons: [\d,]+ rows/s", report)


def test_batch_stages_say_what_each_costs_with_reasons_and_without() -> None:
    report = run("batch", "--quick", "--stages")

    for stage in ("model calls", "deriving features, encoding", "all in one process"):
        assert re.search(rf"\| {stage} (?:\| [\d.]+ \([\d.]+\) ){{2}}\|", report), stage


def test_importing_report_judges_the_import_against_bare_inserts() -> None:
    report = run("importing", "--quick")

    assert re.search(r"\| 1 \| [\d,]+ \| [\d,]+ \| [\d,]+ \| \d\.\d\d \|", report)
    assert re.search(r"\| import, x bare executemany \| >= 0.3 \| \d\.\d\d", report)


def test_queue_report_compares_pages_and_claims_with_bare_sql_on_each_database() -> None:
    report = run("queue", "--quick")

    for database in report.split("\n## ")[1:]:
        for what in ("`QueueRepository.ranked`", "`Working.claim_next`", "ours, with our upkeep"):
            assert re.search(rf"\| {what} \| [\d,]+ \|", database), what
        assert len(re.findall(r"\| (?:met|not met) \|", database)) == 4
    assert "## SQLite" in report
