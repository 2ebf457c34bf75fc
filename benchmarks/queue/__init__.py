"""Queues in the database at a million leads, beside bare SQL on the same indexes.

::

    python -m benchmarks.queue                # SQLite, and PostgreSQL where its server is installed
    python -m benchmarks.queue --postgres     # PostgreSQL alone
    python -m benchmarks.queue --minutes 10   # age the tables for ten minutes instead of 45 s
    python -m benchmarks.queue --quick        # a small queue, one short round: does it run?

The floor runs the one statement that the task needs on the driver's cursor, with the settings of
our connections and a commit per claim: no leases that ran out, no work log, no lead.
"""
