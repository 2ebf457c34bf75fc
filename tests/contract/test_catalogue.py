"""What runs is what is defined: the catalogue of compiled statements."""

import re
from pathlib import Path

import pytest

from leadqual.store import prepared
from leadqual.store.compiling import AREAS, DIALECTS, POSTGRESQL_ONLY, compile_all
from leadqual.store.plans import CATALOGUE, catalogue

STORE = Path(prepared.__file__).parent
NAMED = re.compile(r'Prepared\(\s*"(\w+\.\w+)"\s*\)')


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_catalogue_is_what_the_definitions_compile_to(dialect: str) -> None:
    written = (CATALOGUE / f"{dialect}.sql").read_text(encoding="utf-8")

    assert written == compile_all(dialect), "run `make statements`"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_of_the_catalogue_is_asked_for_and_no_other(dialect: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in STORE.glob("*.py")]
    named = {name for text in texts for name in NAMED.findall(text)}
    missing = set() if dialect == "postgresql" else POSTGRESQL_ONLY

    assert len(named) > 100
    assert set(catalogue(dialect)) == named - missing


def test_every_area_is_compiled() -> None:
    parts = {"__init__", "definitions", "inserts", "item_parts", "phrases"}

    assert {path.stem for path in (STORE / "statements").glob("*.py")} - parts == set(AREAS)
