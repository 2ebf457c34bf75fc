"""Leads that rules scored while no model was there are scored again when one is."""

from __future__ import annotations


class Rescorer:
    """Score again what was scored by rules.

    Methods
    -------
    run_once(*, now) -> int
    """
