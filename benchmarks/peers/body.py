"""The body that peers read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Lead(BaseModel):
    """A lead, as far as the naive model reads it."""

    source: str
    motion: str | None = None
    contact: dict[str, Any] = {}
    company: dict[str, Any] = {}
    interest: dict[str, Any] = {}
    engagement: dict[str, Any] = {}
    campaign: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
