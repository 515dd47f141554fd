#!/usr/bin/env python3
"""The comparison itself: it accepts what it should and refuses everything else."""

import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

from compare import Mismatch, SIX_DECIMALS, Tolerances, compare

EXPECTED = "ID,N,MEAN,KM\n7,3,1.333333,100.0\n8,1,2.500000,\n"
TOLERANCES = Tolerances(absolute={"MEAN": SIX_DECIMALS}, relative={"KM": Decimal("1e-5")})


class Compare(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def verdict(self, exported):
        paths = [Path(self.directory.name) / name for name in ("exported.csv", "expected.csv")]
        paths[0].write_text(exported)
        paths[1].write_text(EXPECTED)
        return compare(*paths, TOLERANCES)

    def refuses(self, exported, reason):
        with self.assertRaisesRegex(Mismatch, reason):
            self.verdict(exported)

    def test_values_within_tolerance_and_rows_nobody_expects_are_accepted(self):
        self.assertEqual((2, 3), self.verdict(
            "transaction_id,N,MEAN,KM\n1,9,9,9\n7,3,1.3333333333333333,100.0009\n8,1,2.5,\n"))

    def test_a_wrong_count_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,4,1.333333,100\n8,1,2.5,\n", "7 N: expected '3', exported '4'")

    def test_a_mean_off_by_a_unit_of_the_sixth_decimal_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,3,1.333334,100\n8,1,2.5,\n", "7 MEAN")

    def test_a_distance_off_by_more_than_its_share_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,3,1.333333,100.002\n8,1,2.5,\n", "7 KM")

    def test_a_value_where_none_is_expected_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,3,1.333333,100\n8,1,2.5,0\n", "8 KM: expected ''")

    def test_a_missing_row_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,3,1.333333,100\n", r"1 transactions are missing, first \['8'\]")

    def test_a_row_exported_twice_is_refused(self):
        self.refuses("transaction_id,N,MEAN,KM\n7,3,1.333333,100\n7,3,1.333333,100\n", "exported twice")

    def test_other_columns_are_refused(self):
        self.refuses("transaction_id,N,KM,MEAN\n", "columns are")


if __name__ == "__main__":
    unittest.main()
