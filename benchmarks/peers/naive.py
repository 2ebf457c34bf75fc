"""What one writes on a first afternoon: FastAPI, a DataFrame of one row, `predict_proba`.

One probability and nothing else: no heads, no reasons, no decision, nothing stored.
"""

from __future__ import annotations

import os

import joblib
from fastapi import FastAPI

from benchmarks.peers.body import Lead
from benchmarks.peers.naive_model import MODEL, predict_one

app = FastAPI()
model = joblib.load(os.environ[MODEL])


@app.post("/predict")
def predict(lead: Lead) -> dict[str, float]:
    """Return the probability that the lead is won."""
    fields = lead.model_dump()
    row = {"source": fields.pop("source"), "motion": fields.pop("motion")}
    for section in fields.values():
        row.update(section)
    return {"p_conversion": predict_one(model, row)}
