"""A plain `serve` is read without typer, and everything else is left to it."""

from __future__ import annotations

import pytest

from leadqual.cli.running import read_plain


@pytest.mark.parametrize(
    ("line", "host", "port", "as_json"),
    [
        ("serve", None, None, False),
        ("serve --json", None, None, True),
        ("serve --port 0", None, 0, False),
        ("serve --host 0.0.0.0 --port 8080 --json", "0.0.0.0", 8080, True),  # noqa: S104 - nothing is bound
        ("serve --host ::1 --port 1 --port 65535", "::1", 65_535, False),
    ],
)
def test_plain_options_are_read_as_they_are_written(
    line: str, host: str | None, port: int | None, as_json: bool
) -> None:
    assert read_plain(line.split()) == {"host": host, "port": port, "as_json": as_json}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["doctor"],
        ["serve", "--help"],
        ["serve", "--port"],
        ["serve", "--port", "--json"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["serve", "--port", "8O80"],
        ["serve", "--port", "٣"],
        ["serve", "--port=80"],
        ["serve", "--host", ""],
        ["serve", "--host", "--json"],
        ["serve", "now"],
        ["--version", "serve"],
    ],
)
def test_everything_else_is_left_to_typer(arguments: list[str]) -> None:
    assert read_plain(arguments) is None
