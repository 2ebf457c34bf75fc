"""How fast leads are taken in and scored over HTTP, beside the least that it could cost.

    python -m benchmarks.http                # everything: under ten minutes
    python -m benchmarks.http --postgres     # the same on PostgreSQL
    python -m benchmarks.http --quick        # under 20 seconds: does it run?
    python -m benchmarks.http --profile      # where each microsecond of a request goes

Every server is a process of its own on 127.0.0.1, and so is the client. Rounds are interleaved
and their order alternates; ratios are taken within a round and their median is given, because
absolute figures move with whatever else the machine does.

The issue's floor is "bare ASGI + same bytes into the same database with the same durability and no
model". Two peers stand for it: one writes the rows that the service writes for such a lead, into
the service's own schema; the other writes the bytes of the request into a table of its own, which
is the harder reading. Neither parses or looks up anything.
"""
