"""Report skill with intervals, beside the baselines.

The same code as `leadqual evaluate`; `python training/evaluate.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
