"""Tables of a notebook to plain columns, and scores back to a table."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns
from leadqual.qualify.score import Answer, Head, ScoredBy
from leadqual.qualify.scoring import ScoreTable

_ANSWERS = np.array([Answer.NO.value, Answer.UNKNOWN.value, Answer.YES.value], dtype=object)
CREATED_AT = "created_at"
"""What the encoder derives weekday and hour from."""


def plain_columns(frame: pd.DataFrame, time_column: str) -> Columns:
    """Return plain values per column, the time column under the name that the encoder knows.

    Raises
    ------
    ValueError
        Another column already has that name.
    TypeError
        A cell is neither number, text, boolean nor time.
    """
    if time_column != CREATED_AT and {time_column, CREATED_AT} <= set(frame):
        raise ValueError(
            f"X has both the time column {time_column!r} and a column {CREATED_AT!r}; "
            "rename or drop one, so that it is clear which of them says when a lead came in"
        )
    columns = {str(name): _scalars(str(name), frame[name]) for name in frame.columns}
    if time_column in columns:
        columns[CREATED_AT] = columns.pop(time_column)
    return columns


def score_frame(table: ScoreTable, index: pd.Index[Any]) -> pd.DataFrame:
    """Return scores as a table with the names of `leadqual score`.

    Parameters
    ----------
    table : ScoreTable
        Of n_leads leads.
    index : Index of length n_leads
        Of the result.
    """
    answers = {
        f"heads.{head.value}": _ANSWERS[table.answers[:, place]] for place, head in enumerate(Head)
    }
    by_rules = [name for name, who in table.heads_scored_by.items() if who is ScoredBy.RULES]
    return pd.DataFrame(
        {
            "p_fit": table.p_fit,
            "p_authority": table.p_authority,
            "p_budget": table.p_budget,
            "p_conversion": table.p_conversion,
            "expected_value_usd": table.expected_value_usd,
            "grade": table.grade,
            "percentile": table.percentile,
            **answers,
            "reasons": ["; ".join(table.reason_texts(row)) for row in range(table.n_leads)],
            "scored_by_rules": ", ".join(by_rules),
        },
        index=index,
    )


def _scalars(name: str, series: pd.Series[Any]) -> list[Scalar]:
    """Return the cells of a column as plain values, None where missing.

    Raises
    ------
    TypeError
        With the column and the type that cannot be read.
    """
    is_missing = series.isna().tolist()
    cells = series.tolist()
    return [
        None if gone else _scalar(name, cell) for gone, cell in zip(is_missing, cells, strict=True)
    ]


def _scalar(name: str, cell: object) -> Scalar:
    """Return one known cell as a plain value."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, str | bool | int | float):
        return cell
    if isinstance(cell, Decimal):  # what databases give for amounts
        return float(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    raise TypeError(
        f"column {name} holds a {type(cell).__name__}; expected numbers, texts, booleans or "
        "times: convert or drop the column"
    )
