"""Labels to a model worth shipping: fitting, evaluation and the gate.

What a notebook needs has its short name here; the rest is imported from its module.
"""

from leadqual.learning.estimator import LeadQualifier
from leadqual.learning.notebook.history_frames import to_frames
from leadqual.learning.time_split import TimeSeriesLeadSplit

__all__ = ["LeadQualifier", "TimeSeriesLeadSplit", "to_frames"]
