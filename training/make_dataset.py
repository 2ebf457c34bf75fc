"""Write a sample history: leads, outcomes and, apart, the truth.

The same code as `leadqual simulate`; `python training/make_dataset.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["simulate", *sys.argv[1:]]))
