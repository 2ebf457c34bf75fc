"""The installed command, as a person or a cron job meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from leadqual.cli import main
from leadqual.cli.app import app

COMMAND = str(Path(sys.executable).with_name("leadqual"))
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of a fresh deployment in this process, which is quicker than a new one."""
    monkeypatch.setenv("LEADQUAL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str, expect: int = 0) -> Done:
        code = main(list(arguments))
        said = capsys.readouterr()
        assert code == expect, (arguments, said.out[-2000:], said.err[-2000:])
        return Done(code, said.out, said.err)

    return run_command


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
    pending: list[tuple[tuple[str, ...], object]] = [((), typer.main.get_command(app))]
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


def test_standard_is_shown_proposed_and_activated(run: Run, tmp_path: Path) -> None:
    text = run("standard", "show").out
    file = tmp_path / "standard.yaml"
    file.write_text(text, encoding="utf-8")

    proposed = run("standard", "propose", str(file), "--json").document
    run("standard", "activate", str(proposed["version"]))

    shown = run("standard", "show", "--json").document
    assert shown["active"] == proposed["version"]
    assert shown["text"].strip() == text.strip()


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
