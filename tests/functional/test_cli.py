"""The installed command, as a person or a cron job meets it."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer

from leadqual.cli.app import build_app
from leadqual.config import Settings
from leadqual.errors import AuthenticationError
from leadqual.leads.flat import flatten_lead
from leadqual.qualify.bundle import bundle_files
from leadqual.registry.local import GoldenInput
from leadqual.services.scoring import columns_of
from leadqual.services.workshop import open_workshop
from leadqual.testing import START, make_bundle, make_lead
from leadqual.wiring import build_serving
from tests.functional.command import BARE, COMMAND, Run


def run_installed(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env={**BARE, "LEADQUAL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def commands() -> Iterator[tuple[str, ...]]:
    pending: list[tuple[tuple[str, ...], object]] = [((), typer.main.get_command(build_app()))]
    while pending:
        path, command = pending.pop()
        for name, child in getattr(command, "commands", {}).items():
            pending.append(((*path, name), child))
        if path and not getattr(command, "commands", None):
            yield path


@pytest.mark.parametrize("path", sorted(commands()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(run: Run, path: tuple[str, ...]) -> None:
    text = run(*path, "--help").out

    assert f"leadqual {' '.join(path)}" in text.partition("Example")[2]
    assert "--json" in text


def test_help_is_quick_because_no_library_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from leadqual.cli import main; main(['--help']);"
        "heavy = {'pandas', 'numpy', 'sklearn', 'lightgbm', 'mlflow', 'sqlalchemy', 'fastapi'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["simulate"],
        ["simulate", "--out", "x", "--leads", "0"],
        ["train", "--as-of", "yesterday"],
        ["train", "--tune", "soon"],
        ["promote"],
        ["serve", "--port", "70000"],
    ],
    ids=" ".join,
)
def test_wrong_command_line_exits_with_2_and_says_what_is_wrong(
    run: Run, arguments: list[str]
) -> None:
    done = run(*arguments, expect=2)

    assert "Error: " in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "absent.csv", "--mapping", "absent.yaml"], "absent"),
        (["train"], "leadqual import"),
        (["train", "--data", "x.csv"], "--mapping"),
        (["train", "--tune", "0"], "at most 1440"),
        (["train", "--tune", "nan"], "at most 1440"),
        (["evaluate", "1999-01-01-1"], "1999-01-01-1"),
        (["evaluate", "--html", "absent/report.html"], "absent/report.html"),
        (["backtest", "--html", "absent/page.html"], "absent/page.html"),
        (["promote", "1999-01-01-1"], "no such model version"),
        (["promote", "../../etc"], "no such model version"),
        (["rollback"], "no previous champion"),
        (["score", "absent.csv"], "absent.csv"),
        (["mapping", "suggest", "absent.csv"], "absent.csv"),
        (["standard", "propose", "absent.yaml"], "absent.yaml"),
        (["standard", "activate", "7"], "7"),
        (["keys", "create", "--scopes", "everything"], "leads:write"),
        (["keys", "create"], "--scopes"),
        (["users", "add", "ada", "--role", "king"], "scientist"),
        (["users", "password", "absent"], "no user"),
        (["users", "deactivate", "absent"], "no user"),
        (["db", "restore", "absent.db"], "absent.db"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_exits_with_1_and_a_sentence(
    run: Run, arguments: list[str], said: str
) -> None:
    done = run(*arguments, expect=1)

    assert done.err.count("error: ") == 1
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_machines_get_errors_as_json_and_developers_a_traceback(tmp_path: Path) -> None:
    plain = run_installed(tmp_path, "rollback", "--json")
    debug = run_installed(tmp_path, "--debug", "rollback")

    assert plain.returncode == debug.returncode == 1
    assert json.loads(plain.stderr)["error"] == "ConflictError"
    assert "Traceback" in debug.stderr


def test_database_that_cannot_be_reached_is_explained_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADQUAL_DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:9/leads")

    done = run("models", expect=1)

    assert "hunter2" not in done.err
    assert done.err.startswith("error: ")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LEADQUAL_PORT", "hunter2", "integer"),
        ("LEADQUAL_WORKERS", "0", "greater than or equal to 1"),
        ("LEADQUAL_LOG_LEVEL", "hunter2", "WARNING"),
        ("LEADQUAL_KEY_RATE", "hunter2", "120/minute"),
        ("LEADQUAL_SIGNING_KEY", "hunter2", "at least 32"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_wrong_setting_is_named_without_its_value_before_anything_listens(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)

    done = run(command, expect=1)

    assert done.err.startswith("error: ")
    assert name in done.err
    assert expected in done.err
    assert "hunter2" not in done.err
    assert "listens" not in done.out


def test_doctor_names_the_signing_key_when_it_is_too_short(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADQUAL_SIGNING_KEY", "short")

    found = run("doctor", "--json", expect=1).document["findings"]

    health = {finding["name"]: finding["health"] for finding in found}
    assert health["signing key"] == "fail"
    assert health["database"] == "ok"


def test_keys_and_users_are_made_listed_and_ended(run: Run) -> None:
    made = run("keys", "create", "--scopes", "leads:write", "--json").document
    form = run("keys", "create", "--form", "--json").document
    user = run("users", "add", "ada", "--role", "mrr", "--json").document
    run("keys", "revoke", str(made["key_id"]))

    keys = run("keys", "list", "--json").document["keys"]
    users = run("users", "list", "--json").document["users"]
    assert made["key"].startswith("lq_sk_")
    assert form["key"].startswith("lq_pk_")
    assert len(user["password"]) >= 12
    assert [entry["revoked_at"] is None for entry in keys].count(False) == 1
    assert made["key"] not in json.dumps(keys)
    assert [entry["username"] for entry in users] == ["ada"]


def test_new_password_and_lock_out_count_at_once_and_end_sessions(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("users", "add", "ada", "--role", "mrr", "--json").document["password"]
    second = run("users", "password", "ada", "--json").document["password"]
    monkeypatch.setattr("sys.stdin", io.StringIO("a third password\n"))
    third = run("users", "password", "ada", "--password-stdin", "--json")

    with closing(build_serving(Settings(home=tmp_path / "home"))) as serving:
        for old in (first, second):
            with pytest.raises(AuthenticationError):
                serving.people.log_in("ada", old, client="here", now=START)
        cookie = serving.people.log_in("ada", "a third password", client="here", now=START).cookie
        run("users", "deactivate", "ada")
        with pytest.raises(AuthenticationError):
            serving.people.session(cookie, now=START)
        with pytest.raises(AuthenticationError):
            serving.people.log_in("ada", "a third password", client="here", now=START)

    assert "third" not in third.out
    assert "inactive" in run("users", "list").out


def test_audit_lists_the_newest_first_and_notices_a_changed_entry(run: Run, tmp_path: Path) -> None:
    run("users", "add", "ada", "--role", "mrr")
    run("users", "deactivate", "ada")

    whole = run("audit", "--verify", "--limit", "1", "--json").document
    listed = run("audit").out
    with closing(sqlite3.connect(tmp_path / "home" / "leadqual.db")) as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET actor = 'nobody' WHERE action = 'user.added'")
        database.commit()
    broken = run("audit", "--verify", expect=1)

    assert [entry["action"] for entry in whole["entries"]] == ["user.deactivated"]
    assert whole["chain"]["is_intact"] is True
    assert listed.index("user.deactivated") < listed.index("user.added")
    assert "broken at entry 1" in broken.out


def test_standard_is_shown_proposed_and_activated(run: Run, tmp_path: Path) -> None:
    text = run("standard", "show").out
    file = tmp_path / "standard.yaml"
    file.write_text(text, encoding="utf-8")

    proposed = run("standard", "propose", str(file), "--json").document
    run("standard", "activate", str(proposed["version"]))

    shown = run("standard", "show", "--json").document
    assert shown["active"] == proposed["version"]
    assert shown["text"].strip() == text.strip()


def test_standard_is_shown_with_the_number_that_decisions_name(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "standard.yaml"
    file.write_text(run("standard", "show").out, encoding="utf-8")
    for _ in range(2):
        run("standard", "propose", str(file))
    run("standard", "activate", "2")

    shown = run("standard", "show").out

    assert "\nversion: 2\n" in shown
    assert shown.replace("version: 2", "version: 1") == file.read_text(encoding="utf-8")


def test_version_that_could_not_be_judged_keeps_the_table_narrow(run: Run, tmp_path: Path) -> None:
    why = "cannot be judged: " + "a long explanation " * 10
    with open_workshop(Settings(home=tmp_path / "home")) as workshop:
        workshop.registry.save(
            bundle_files(make_bundle("2026-11-20-1")),
            version="2026-11-20-1",
            metadata={"headline": why, "metrics": {}},
            documents={},
            golden=GoldenInput(
                columns=columns_of([flatten_lead(make_lead(number)) for number in range(5)]),
                n_leads=5,
            ),
        )

    lines = run("models").out.splitlines()

    assert max(map(len, lines[:2])) < 80
    assert "not judged" in lines[1]
    assert why.strip() in lines[-1]


def test_backup_can_be_checked_and_restored(run: Run, tmp_path: Path) -> None:
    run("users", "add", "ada", "--role", "mrr")

    run("db", "backup", str(tmp_path / "copy.db"))
    run("users", "add", "bob", "--role", "sdr")
    run("db", "restore", str(tmp_path / "copy.db"))

    users = run("users", "list", "--json").document["users"]
    assert [entry["username"] for entry in users] == ["ada"]
    assert run("db", "check", "--json").document["is_sound"] is True


def test_doctor_names_what_is_missing_and_passes_without_a_model(run: Run) -> None:
    found = run("doctor", "--json").document["findings"]

    health = {finding["name"]: finding["health"] for finding in found}
    assert health["model"] == "warn"
    assert health["schema"] == "ok"
    assert {"python", "disk", "mlflow", "database", "signing key"} <= set(health)


def test_nobody_else_on_the_machine_can_read_what_a_deployment_keeps(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = (
        "import os; os.umask(0o022);"
        "from leadqual.config import load_settings; from leadqual.wiring import build_serving;"
        "from leadqual.registry.tracking import open_lab_book;"
        "serving = build_serving(load_settings());"
        "open_lab_book(load_settings()).mirror_aliases({});"
        "open_lab_book(load_settings()).aliases();"
        "print(*sorted(os.listdir(os.environ['LEADQUAL_HOME']))); serving.close()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**BARE, "LEADQUAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert {"leadqual.db", "mlflow.db"} <= set(done.stdout.split())
    assert home.stat().st_mode & 0o077 == 0
    assert [path.name for path in home.glob("*.db*") if path.stat().st_mode & 0o077] == []


def test_doctor_warns_of_a_folder_that_others_may_read_and_leaves_it_alone(
    run: Run, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)

    found = run("doctor", "--json").document["findings"]

    privacy = next(finding for finding in found if finding["name"] == "privacy")
    assert privacy["health"] == "warn"
    assert f"chmod 700 {home}" in privacy["text"]
    assert home.stat().st_mode & 0o777 == 0o755


def test_history_becomes_a_model_that_scores_files(run: Run, tmp_path: Path) -> None:
    mapping = str(Path(__file__).parents[2] / "data_samples" / "mappings" / "sample.yaml")
    run("simulate", "--leads", "9000", "--out", "history", "--json")
    imported = run("import", "history", "--mapping", mapping, "--json").document
    suggested = run("mapping", "suggest", "history/leads.csv").out

    trained = run("train", "--as-of", "2026-02-01", "--json").document
    promoted = run("promote", trained["version"], "--force", "the first one", "--json").document
    listed = run("models", "--json").document["models"]
    scored = run("score", "history/leads.csv", "--mapping", mapping, "--json").document
    evaluated = run(
        "evaluate", trained["version"], "--data", "history", "--mapping", mapping,
        "--html", "report.html", "--json",
    ).document  # fmt: skip
    retrained = run("retrain", "--json").document
    again = run("retrain", "--json").document

    assert imported["n_created"] == 9000
    assert "created_at" in suggested
    assert promoted["champion"] == trained["version"]
    assert [(model["version"], model["alias"]) for model in listed] == [
        (trained["version"], "champion")
    ]
    assert (scored["n_scored"], scored["model_version"]) == (9000, trained["version"])
    assert evaluated["conversion"]["metrics"]["champion"]["auc"]["value"] > 0.5
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert retrained["ending"] in {"promoted", "refused"}
    assert any("champion" in reason for reason in retrained["reasons"])
    assert again["ending"] == "unchanged"
