"""Compares an exported feature CSV with an oracle's expected values, row by row and column by column."""

import csv
import io
import subprocess
from dataclasses import dataclass, field
from decimal import Decimal

# A printed value of 6 decimals may be 5e-7 away from the exact quotient; the export prints the nearest
# double, which may be a few units in its last place (about 1e-13 at these magnitudes) further away.
SIX_DECIMALS = Decimal("5.00001e-7")
DIFFERENCES_SHOWN = 10


@dataclass
class Tolerances:
    """Which columns may differ, and by how much; every other column must be exactly equal."""

    absolute: dict = field(default_factory=dict)
    relative: dict = field(default_factory=dict)

    def accept(self, column, expected, actual):
        if expected == actual:
            return True
        if expected == "" or actual == "":
            return False
        want, got = Decimal(expected), Decimal(actual)
        if column in self.absolute:
            return abs(want - got) <= self.absolute[column]
        if column in self.relative:
            # Half a unit of the sixth decimal is more than 1e-5 of a value near 0: the print, not the value.
            return abs(want - got) <= max(self.relative[column] * abs(want), SIX_DECIMALS)
        return want == got


class Mismatch(Exception):
    """The export is not what the oracle expects; the text says where."""


def open_csv(path):
    """Rows of a CSV file as lists, plain or .zst (through the zstd program)."""
    if str(path).endswith(".zst"):
        unpacked = subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout
        return csv.reader(io.StringIO(unpacked.decode()))
    return csv.reader(open(path, newline="", encoding="utf-8"))


def compare(exported, expected, tolerances):
    """Returns (rows, columns) compared; raises Mismatch with the first differences otherwise."""
    rows = open_csv(expected)
    names = next(rows)[1:]
    wanted = {row[0]: row[1:] for row in rows}
    exported_rows = open_csv(exported)
    header = next(exported_rows)
    if header != ["transaction_id", *names]:
        raise Mismatch(f"columns are {header}, expected {['transaction_id', *names]}")
    seen, differences, wrong = set(), [], 0
    for row in exported_rows:
        want = wanted.get(row[0])
        if want is None:
            continue
        if row[0] in seen:
            raise Mismatch(f"transaction {row[0]} was exported twice")
        seen.add(row[0])
        if len(row) != len(header):
            raise Mismatch(f"transaction {row[0]} has {len(row)} columns, expected {len(header)}")
        for name, a, b in zip(names, want, row[1:]):
            if not tolerances.accept(name, a, b):
                wrong += 1
                if len(differences) < DIFFERENCES_SHOWN:
                    differences.append(f"{row[0]} {name}: expected {a!r}, exported {b!r}")
    if len(seen) != len(wanted):
        missing = [key for key in wanted if key not in seen][:DIFFERENCES_SHOWN]
        differences.append(f"{len(wanted) - len(seen)} transactions are missing, first {missing}")
    if differences:
        raise Mismatch(f"{wrong} values differ\n  " + "\n  ".join(differences))
    return len(wanted), len(names)
