"""Statements by name, run on the driver's own cursor.

What a statement says is defined in `store.statements`, with SQLAlchemy. Its SQL for each database
is written into the catalogue (`store.compiling`) when the program is built, so a process that only
runs statements does without SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from leadqual.store.faults import store_error
from leadqual.store.json_text import dump
from leadqual.store.plans import Plan, Row, catalogue
from leadqual.store.values import READERS


class Prepared:
    """A statement whose plan is made at its first use on each database.

    Parameters
    ----------
    name : str
        Where it is defined: `leads.get` is `STATEMENTS["get"]` of `store.statements.leads`.
    *arguments : hashable
        What the statement itself depends on, not its execution: how many rows, whose sight. Such a
        statement is in no catalogue; it is compiled here, which takes SQLAlchemy.
    """

    __slots__ = ("_arguments", "_plans", "name")

    def __init__(self, name: str, *arguments: Hashable) -> None:
        self.name = name
        self._arguments = arguments
        self._plans: dict[str, Plan] = {}

    def plan(self, dialect: str) -> Plan:
        """Return the statement as the driver of `sqlite` or `postgresql` takes it."""
        plan = self._plans.get(dialect)
        if plan is None:
            plan = self._plans[dialect] = Plan(self._entry(dialect), dialect)
        return plan

    def _entry(self, dialect: str) -> str:
        if not self._arguments:
            return catalogue(dialect)[self.name]
        from leadqual.store.compiling import compile_for

        return compile_for(dialect, self.name, *self._arguments)


class Driver(NamedTuple):
    """What the transactions need to know of a database and its driver."""

    dialect: str
    errors: tuple[type[Exception], ...]

    @property
    def is_postgresql(self) -> bool:
        """Return whether it is PostgreSQL, not SQLite."""
        return self.dialect == "postgresql"


_LOCK: Final = Prepared("locks.take")


class Link:
    """One database transaction as the repositories see it: run statements, get rows.

    Parameters
    ----------
    cursor : cursor of the driver
        Inside the transaction.
    driver : Driver
        Whose it is.
    is_writing : bool
        Whether rows that are read to be changed have to be locked.
    """

    __slots__ = (
        "_cursor",
        "_dialect",
        "_errors",
        "is_given_up",
        "is_postgresql",
        "is_writing",
        "read_time",
    )

    def __init__(self, cursor: Any, driver: Driver, *, is_writing: bool) -> None:  # noqa: ANN401 - of any driver
        self._cursor = cursor
        self._dialect, errors = driver
        self._errors: tuple[type[Exception], ...] = (*errors, UnicodeError, OverflowError)
        self.is_postgresql = driver.is_postgresql
        self.is_writing = is_writing
        self.is_given_up = False
        self.read_time = READERS[self._dialect]["time"]

    def run(self, statement: Prepared, /, **values: object) -> list[Row]:
        """Run one statement and return its rows, converted.

        Raises
        ------
        StoreError, InputError
            What the driver refused, in our words and without any value.
        """
        return statement.plan(self._dialect).read(self.run_raw(statement, **values))

    def run_raw(self, statement: Prepared, /, **values: object) -> list[Row]:
        """Run one statement and return its rows as the driver gives them.

        For readers of many rows that convert by themselves what they need: times by `read_time`.
        """
        plan = statement.plan(self._dialect)
        try:
            self._cursor.execute(plan.sql, plan.bind(values))
            return list(self._cursor.fetchall()) if plan.has_rows else []
        except self._errors as error:
            raise store_error(error) from None

    def first(self, statement: Prepared, /, **values: object) -> Row | None:
        """Run one statement and return its first row, or None."""
        rows = self.run(statement, **values)
        return rows[0] if rows else None

    def count(self, statement: Prepared, /, **values: object) -> int:
        """Run one statement and return how many rows it changed."""
        self.run(statement, **values)
        return int(self._cursor.rowcount)

    def run_many(self, statement: Prepared, rows: Iterable[Mapping[str, object]], /) -> int:
        """Run one statement for many rows and return how many rows it changed."""
        plan = statement.plan(self._dialect)
        bound = plan.bind_all(list(rows))
        if not bound:
            return 0
        try:
            if len(bound) == 1:  # PostgreSQL's driver takes twice as long for many of one
                self._cursor.execute(plan.sql, bound[0])
            else:
                self._cursor.executemany(plan.sql, bound)
        except self._errors as error:
            raise store_error(error) from None
        return int(self._cursor.rowcount)

    def lock(self, *names: str) -> None:
        """Keep other processes from doing what is called `names` until this transaction ends.

        SQLite has one writer, so there is nothing to do. PostgreSQL waits for its lock timeout; it
        takes the locks in one order whoever asks, so that two transactions do not wait for each
        other.

        Raises
        ------
        BusyError
            When another process held one of them for too long.
        """
        if self.is_postgresql and self.is_writing and names:
            self.run(_LOCK, names=dump(sorted(set(names))))

    def ask(self, sql: str, /) -> list[Row]:
        """Run SQL of the operator, without parameters, and return its rows.

        Raises
        ------
        StoreError
            What the driver refused.
        """
        try:
            self._cursor.execute(sql, ())
            return [] if self._cursor.description is None else list(self._cursor.fetchall())
        except self._errors as error:
            raise store_error(error) from None

    def give_up(self) -> None:
        """Refuse everything from here on: the transaction is gone and must not be committed."""
        self.is_given_up = True
        self._cursor.close()

    def say(self, sql: str, /) -> None:
        """Run transaction control, which takes no parameters and returns nothing."""
        try:
            self._cursor.execute(sql, ())
        except self._errors as error:
            raise store_error(error) from None
