#!/usr/bin/env python3
"""check_handbook.py EXPORTED.csv [EXPECTED.csv.zst]: are all published handbook values there?

Counts must be equal; means and shares within half a unit of the sixth printed decimal. Exit code 0 when all
201,295 x 14 match, 1 otherwise.
"""

import sys

import datasets
from compare import Mismatch, SIX_DECIMALS, Tolerances, compare

TOLERANCES = Tolerances(absolute={f"{name}_{days}D": SIX_DECIMALS for name in ("C_AVG", "T_RISK") for days in (1, 7, 30)})


def check(exported, expected=None):
    return compare(exported, expected or datasets.HANDBOOK.expected, TOLERANCES)


if __name__ == "__main__":
    try:
        print("handbook: all %d x %d values match" % check(*sys.argv[1:3]))
    except Mismatch as mismatch:
        sys.exit(f"handbook: {mismatch}")
