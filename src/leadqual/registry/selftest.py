"""The self-test of a bundle: score stored rows in a child process before anyone trusts it.

A damaged model may crash or hang whoever reads it, so the first to read it is a child that
may die. `python -m leadqual.registry.selftest` is that child: bundle on standard input, exit
code 0 when the stored scores come out again.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from leadqual.errors import BundleError
from leadqual.qualify.bundle import ModelBundle, Tables, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.scoring import score_columns

if TYPE_CHECKING:
    from leadqual.outcomes.history import Columns

TOLERANCE: Final = 1e-9
COMPARED: Final = ("p_fit", "p_authority", "p_budget", "p_conversion", "expected_value_usd")
_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)


def make_golden(bundle: ModelBundle, columns: Columns, *, n_leads: int) -> bytes:
    """Return golden rows: inputs and the scores that a healthy copy of the bundle gives.

    Parameters
    ----------
    bundle : ModelBundle
        The model as trained.
    columns : Columns
        Some rows that hold nothing personal; names as in `leads.flat`.
    n_leads : int
        Number of rows.
    """
    expected = _scores(bundle, columns, n_leads=n_leads)
    golden = {"n_leads": n_leads, "columns": columns, "expected": expected}
    return json.dumps(golden, allow_nan=False, sort_keys=True).encode()


def check_golden(
    files: Mapping[str, bytes], golden: bytes, *, tables: Tables | None = None
) -> ModelBundle:
    """Return a bundle that gives its golden rows their stored scores; it is compiled then.

    With `tables` it is taken as compiled before (`bundle_from_files`).

    Raises
    ------
    BundleError
        The bundle cannot be read, the golden rows are not what they should be, or a score
        differs by more than 1e-9 (relative).
    """
    bundle = bundle_from_files(files, tables=tables)
    try:
        stored = json.loads(golden)
        n_leads, columns = int(stored["n_leads"]), dict(stored["columns"])
        expected = {name: list(stored["expected"][name]) for name in COMPARED}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError("the golden rows are malformed; train a new version") from error
    found = _scores(bundle, columns, n_leads=n_leads)
    for name in COMPARED:
        if not _agree(expected[name], found[name]):
            raise BundleError(
                f"the stored rows do not get their stored {name} again: the bundle or the "
                "program that reads it has changed; train a new version"
            )
    return bundle


def run_self_test(
    files: Mapping[str, bytes], golden: bytes, *, version: str, timeout_s: float
) -> None:
    """Run `check_golden` in a child process that may crash or hang without harm.

    Raises
    ------
    BundleError
        The child found a fault, died, or took longer than `timeout_s` seconds.
    """
    payload = {name: content.decode("latin-1") for name, content in files.items()}
    request = json.dumps({"files": payload, "golden": golden.decode("latin-1")})
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "leadqual.registry.selftest"],
            input=request,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"model {version} refused: its self-test hung for more than {timeout_s:g} s"
        ) from error
    if child.returncode != 0:
        lines = child.stdout.strip().splitlines()
        why = lines[-1] if lines else f"its self-test died with code {child.returncode}"
        raise BundleError(f"model {version} refused: {why}")


def _scores(bundle: ModelBundle, columns: Columns, *, n_leads: int) -> dict[str, list[float]]:
    table = score_columns(
        bundle,
        columns,
        n_leads=n_leads,
        policy=ScoringPolicy(),
        scored_at=_MOMENT,  # with reasons: what is only built for them is tried and built too
    )
    return {name: [float(value) for value in getattr(table, name)] for name in COMPARED}


def _agree(expected: list[float], found: list[float]) -> bool:
    return len(expected) == len(found) and all(
        math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)
        for one, other in zip(expected, found, strict=True)
    )


def _main() -> int:
    """Be the child: 0 when the bundle on standard input is sound, else 1 and the reason."""
    request = json.load(sys.stdin)
    files = {name: text.encode("latin-1") for name, text in request["files"].items()}
    try:
        check_golden(files, request["golden"].encode("latin-1"))
    except BundleError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
