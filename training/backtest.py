"""Replay a history: the frozen model, the retrained one and baselines, step by step.

The same code as `leadqual backtest`; `python training/backtest.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["backtest", *sys.argv[1:]]))
