"""Score a file of leads of any size.

The same code as `leadqual score`; `python training/score_batch.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["score", *sys.argv[1:]]))
