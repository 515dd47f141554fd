#!/usr/bin/env python3
"""check_sparkov.py EXPORTED.csv [EXPECTED.csv.zst]: are all Sparkov values of June there?

Distances and speeds to 1e-5 relative, all else exactly. Exit code 0 when all 76,797 x 17 match, 1 otherwise.
"""

import sys
from decimal import Decimal

import datasets
from compare import Mismatch, Tolerances, compare

TOLERANCES = Tolerances(relative={name: Decimal("1e-5") for name in ("home_km", "prev_km", "speed_kmh")})


def check(exported, expected=None):
    return compare(exported, expected or datasets.SPARKOV.expected, TOLERANCES)


if __name__ == "__main__":
    try:
        print("sparkov: all %d x %d values match" % check(*sys.argv[1:3]))
    except Mismatch as mismatch:
        sys.exit(f"sparkov: {mismatch}")
