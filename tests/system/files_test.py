#!/usr/bin/env python3
"""Input files, mappings, catalogues and rules with mistakes: each is named with its place and its reason."""

import csv

from harness import SystemTest, log_dump, main, vigil, vigil_json

MAP = """
[input]
format = "csv"
"""
FEATURES = """[[feature]]
name = "n"
entity = "customer"
aggregate = "count"
window = "1h"
"""
RULES = """[thresholds]
review = 50
decline = 100

[[rule]]
id = "large"
description = "a large amount"
when = "amount > 100000"
outcome = "review"
score = 10
severity = "P2"
"""


class Files(SystemTest):
    def ingest_refused(self, *arguments, reason):
        done = vigil("ingest", "--data", self.data, *arguments, code=None)
        self.assertIn(done.returncode, (1, 2), done.stdout)
        self.assertRegex(done.stderr, reason)

    def test_a_feature_with_an_unknown_aggregate_is_named_with_place_and_suggestion(self):
        path = self.write("f.toml", FEATURES.replace('"count"', '"cuont"'))
        self.ingest_refused("--features", path, self.write("x.jsonl", ""),
                            reason=r"f\.toml:4:\d+: .*cuont.*did you mean 'count'")


if __name__ == "__main__":
    main()
