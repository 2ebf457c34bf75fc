"""The installed command, as a person or a cron job meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from leadqual.cli.app import app

COMMAND = str(Path(sys.executable).with_name("leadqual"))
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


def leadqual(
    home: Path, *arguments: str, expect: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments],
        env={**BARE, "LEADQUAL_HOME": str(home), **environment},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == expect, (done.args, done.stdout[-2000:], done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    return done


def commands() -> Iterator[tuple[str, ...]]:
    pending: list[tuple[tuple[str, ...], object]] = [((), typer.main.get_command(app))]
    while pending:
        path, command = pending.pop()
        for name, child in getattr(command, "commands", {}).items():
            pending.append(((*path, name), child))
        if path and not getattr(command, "commands", None):
            yield path


@pytest.mark.parametrize("path", sorted(commands()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from leadqual.cli import main

    code = main([*path, "--help"])

    text = capsys.readouterr().out
    assert code == 0
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
        ["promote"],
        ["serve", "--port", "70000"],
    ],
    ids=" ".join,
)
def test_wrong_command_line_exits_with_2_and_says_what_is_wrong(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = leadqual(tmp_path / "home", *arguments, expect=2)

    assert "Error: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "absent.csv", "--mapping", "absent.yaml"], "absent"),
        (["train"], "leadqual import"),
        (["train", "--data", "x.csv"], "--mapping"),
        (["evaluate", "1999-01-01-1"], "1999-01-01-1"),
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
        (["db", "restore", "absent.db"], "absent.db"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_exits_with_1_and_a_sentence(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = leadqual(tmp_path / "home", *arguments, expect=1)

    assert done.stderr.count("error: ") == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_machines_get_errors_as_json_and_developers_a_traceback(tmp_path: Path) -> None:
    done = leadqual(tmp_path / "home", "rollback", "--json", expect=1)
    debug = subprocess.run(
        [COMMAND, "--debug", "rollback"],
        env={**BARE, "LEADQUAL_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert json.loads(done.stderr)["error"] == "ConflictError"
    assert "Traceback" in debug.stderr


def test_database_that_cannot_be_reached_is_explained_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://ada:hunter2@127.0.0.1:9/leads"

    done = leadqual(tmp_path / "home", "models", expect=1, LEADQUAL_DATABASE_URL=url)

    assert "hunter2" not in done.stderr
    assert done.stderr.startswith("error: ")


def test_keys_and_users_are_made_listed_and_ended(tmp_path: Path) -> None:
    home = tmp_path / "home"

    made = json.loads(leadqual(home, "keys", "create", "--scopes", "leads:write", "--json").stdout)
    form = json.loads(leadqual(home, "keys", "create", "--form", "--json").stdout)
    user = json.loads(leadqual(home, "users", "add", "ada", "--role", "mrr", "--json").stdout)
    leadqual(home, "keys", "revoke", str(made["key_id"]))

    keys = json.loads(leadqual(home, "keys", "list", "--json").stdout)["keys"]
    users = json.loads(leadqual(home, "users", "list", "--json").stdout)["users"]
    assert made["key"].startswith("lq_sk_")
    assert form["key"].startswith("lq_pk_")
    assert len(user["password"]) >= 12
    assert [entry["revoked_at"] is None for entry in keys].count(False) == 1
    assert made["key"] not in json.dumps(keys)
    assert [entry["username"] for entry in users] == ["ada"]


def test_standard_is_shown_proposed_and_activated(tmp_path: Path) -> None:
    home = tmp_path / "home"
    text = leadqual(home, "standard", "show").stdout
    file = tmp_path / "standard.yaml"
    file.write_text(text, encoding="utf-8")

    proposed = json.loads(leadqual(home, "standard", "propose", str(file), "--json").stdout)
    leadqual(home, "standard", "activate", str(proposed["version"]))

    shown = json.loads(leadqual(home, "standard", "show", "--json").stdout)
    assert shown["active"] == proposed["version"]
    assert shown["text"].strip() == text.strip()


def test_backup_can_be_checked_and_restored(tmp_path: Path) -> None:
    home = tmp_path / "home"
    copy = tmp_path / "copy.db"
    leadqual(home, "users", "add", "ada", "--role", "mrr")

    leadqual(home, "db", "backup", str(copy))
    leadqual(home, "users", "add", "bob", "--role", "sdr")
    leadqual(home, "db", "restore", str(copy))

    users = json.loads(leadqual(home, "users", "list", "--json").stdout)["users"]
    assert [entry["username"] for entry in users] == ["ada"]
    assert json.loads(leadqual(home, "db", "check", "--json").stdout)["is_sound"] is True


def test_doctor_names_what_is_missing_and_passes_without_a_model(tmp_path: Path) -> None:
    found = json.loads(leadqual(tmp_path / "home", "doctor", "--json").stdout)["findings"]

    health = {finding["name"]: finding["health"] for finding in found}
    assert health["model"] == "warn"
    assert health["schema"] == "ok"
    assert {"python", "disk", "mlflow", "database", "signing key"} <= set(health)
