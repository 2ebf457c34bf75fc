"""A report as one HTML page that prints well.

Self-contained: no script, no font, no picture from elsewhere, so it can be mailed and kept.
"""

from __future__ import annotations

from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.changes import change_section
from leadqual.learning.reporting.elements import page
from leadqual.learning.reporting.history import history_section, method_section, refusal_section
from leadqual.learning.reporting.parts import driver_section, part_section
from leadqual.learning.reporting.probabilities import probability_section
from leadqual.learning.reporting.ranking import others_section, rank_section
from leadqual.learning.reporting.style import STYLE
from leadqual.learning.reporting.summary import link_to, summarise

_SECTIONS = (
    ("ranking", "Ranking", rank_section),
    ("others", "Others", others_section),
    ("probabilities", "Probabilities", probability_section),
    ("parts", "Parts", part_section),
    ("drivers", "Drivers", driver_section),
    ("changes", "Changes", change_section),
    ("history", "History", history_section),
    ("refused", "Left out", refusal_section),
    ("limits", "Limits", method_section),
)


def render(report: EvaluationReport, *, title: str = "Evaluation") -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    report : EvaluationReport
        From `evaluate`.
    title : str
        Heading, a model version say.
    """
    sections = [(name, short, make(report)) for name, short, make in _SECTIONS]
    made = [(name, short, body) for name, short, body in sections if body]
    links = link_to([(name, short) for name, short, _ in made])
    body = [summarise(report, title=title), links, *(body for _, _, body in made)]
    return page(title, body, style=STYLE)
