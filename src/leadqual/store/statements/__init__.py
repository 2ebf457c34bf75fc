"""What the repositories run, defined with SQLAlchemy for both databases.

Each module is an area; its `STATEMENTS` are named `area.name`, as `Prepared("leads.get")` asks for
them. `python -m leadqual.store.compiling` (or `make statements`) writes their SQL for each database
into `store/compiled`, which is what runs; a test fails when that is not what stands here. So a
serving process imports neither this package nor SQLAlchemy, unless it asks for one of `BUILDERS`:
statements that depend on who asks, compiled when they are first asked for.
"""
