"""What one writes on a first afternoon: FastAPI, a DataFrame of one row, `predict_proba`.

One probability and nothing else: no heads, no reasons, no decision, nothing stored.
"""

from __future__ import annotations

import os
from typing import Any

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.naive_model import MODEL, predict_one

app = FastAPI()
model = joblib.load(os.environ[MODEL])


class Lead(BaseModel):
    """The body, as far as the model reads it."""

    source: str
    motion: str | None = None
    contact: dict[str, Any] = {}
    company: dict[str, Any] = {}
    interest: dict[str, Any] = {}
    engagement: dict[str, Any] = {}
    campaign: dict[str, Any] = {}
    attributes: dict[str, Any] = {}


@app.post("/predict")
def predict(lead: Lead) -> dict[str, float]:
    """Return the probability that the lead is won."""
    fields = lead.model_dump()
    row = {"source": fields.pop("source"), "motion": fields.pop("motion")}
    for section in fields.values():
        row.update(section)
    return {"p_conversion": predict_one(model, row)}
