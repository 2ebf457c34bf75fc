"""A database of another schema is refused with what to do; ours is what the tables say."""

from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from leadqual.errors import SchemaVersionError
from leadqual.store import open_store, schema
from leadqual.store.connections import open_connections
from leadqual.store.indexes import complete_metadata
from leadqual.store.migrating import open_engine
from tests.contract.records import run_sql, set_revision


@pytest.fixture
def url(own_url: str) -> str:
    """These tests change the schema, so they have a database of their own."""
    return own_url


def test_migrations_lead_to_the_tables_of_the_program(url: str) -> None:
    with open_engine(open_connections(url)).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        differences = compare_metadata(context, complete_metadata())

    assert differences == []


def test_program_knows_every_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))

    walked = ScriptDirectory.from_config(config).walk_revisions()

    assert tuple(reversed([script.revision for script in walked])) == schema.REVISIONS


def test_an_empty_database_is_set_up_once(bare_url: str) -> None:
    with closing(open_store(bare_url)) as store:
        with pytest.raises(SchemaVersionError, match="empty; run `leadqual db upgrade`"):
            store.check_schema()
        before = store.info().schema
        store.upgrade()
        store.upgrade()
        store.check_schema()

        assert before is None
        assert store.info().schema == schema.HEAD


@pytest.mark.parametrize(
    ("revision", "advice"),
    [("0000", "newer"), ("9999", "install the version of leadqual that wrote it")],
)
def test_a_newer_schema_is_refused_and_left_alone(url: str, revision: str, advice: str) -> None:
    set_revision(url, revision)

    with closing(open_store(url)) as store:
        with pytest.raises(SchemaVersionError, match=advice):
            store.check_schema()
        with pytest.raises(SchemaVersionError, match=advice):
            store.upgrade()
        assert store.info().schema == revision


def test_an_older_schema_is_refused_until_it_is_upgraded(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "REVISIONS", (schema.HEAD, "9998"))
    monkeypatch.setattr(schema, "HEAD", "9998")

    with (
        closing(open_store(url)) as store,
        pytest.raises(SchemaVersionError, match=r"older schema .*leadqual db upgrade"),
    ):
        store.check_schema()


def test_another_programs_database_is_refused_and_left_alone(bare_url: str) -> None:
    run_sql(bare_url, "CREATE TABLE invoices (number INTEGER)")

    with closing(open_store(bare_url)) as store:
        with pytest.raises(SchemaVersionError, match="another program"):
            store.check_schema()
        with pytest.raises(SchemaVersionError, match="LEADQUAL_DATABASE_URL"):
            store.upgrade()


def test_the_first_revision_can_be_undone(url: str) -> None:
    from alembic import command

    engine = open_engine(open_connections(url))
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))

    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    with closing(open_store(url)) as store:
        store.check_schema()
