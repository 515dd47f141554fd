#!/usr/bin/env python3
"""Input files, mappings, catalogues and rules with mistakes: each is named with its place and its reason."""

import json

from harness import SystemTest, log_dump, main, vigil, vigil_json

MAP = """format = "csv"

[policy]
clock = "stream"

[columns]
transaction_id = "id"
event_time = { column = "time", unit = "s" }
customer_id = "customer"
merchant_id = "merchant"
amount = { column = "cents", unit = "minor" }

[constants]
currency = "EUR"
"""
HEADER = "id,time,customer,merchant,cents\n"
GOOD_ROWS = "t1,1700000000,c1,m1,1250\nt2,1700000060,c2,m1,900\n"
FEATURES = """[[feature]]
name = "count_1h"
entity = "customer"
aggregate = "count"
window = "1h"
filter = "amount_base > 100"
"""
RULES = """[thresholds]
review_score = 50
decline_score = 100

[[rule]]
id = "large"
description = "a large amount"
when = "amount_base > 100000 and count_1h > 3"
outcome = "review"
score = 10
severity = "P2"
"""


class Files(SystemTest):
    def ingest(self, rows=HEADER + GOOD_ROWS, map_text=MAP, code=0, name="tx.csv", **files):
        options = [part for option, text in files.items()
                   for part in (f"--{option}", self.write(f"{option}.toml", text))]
        return vigil("ingest", "--data", self.data, "--map", self.write("x.map.toml", map_text), *options,
                     self.write(name, rows), "--json", code=code)

    def refused(self, reason, **what):
        done = self.ingest(code=1, **what)
        self.assertRegex(done.stderr, reason)

    def test_good_files_are_accepted(self):
        self.ingest(features=FEATURES, rules=RULES)
        decided = [event for event in log_dump(self.data) if event["type"] == "TransactionDecided"]
        self.assertEqual(["t1", "t2"], [event["transaction_id"] for event in decided])

    def test_an_unknown_aggregate_is_named_with_place_and_suggestion(self):
        self.refused(r"features\.toml:4:\d+: .*'cuont'.*did you mean 'count'",
                     features=FEATURES.replace('"count"', '"cuont"'))

    def test_an_unknown_key_of_a_feature_is_named_with_place_and_suggestion(self):
        self.refused(r"features\.toml:5:1: .*'windo'.*did you mean 'window'", features=FEATURES.replace("window", "windo"))

    def test_a_type_error_in_a_filter_is_named_with_place(self):
        self.refused(r"features\.toml:6:\d+: ", features=FEATURES.replace("amount_base > 100", "amount_base > 'x'"))

    def test_an_unknown_field_in_a_filter_is_named_with_place_and_suggestion(self):
        self.refused(r"features\.toml:6:11: .*amuont_base.*did you mean 'amount_base'",
                     features=FEATURES.replace("amount_base", "amuont_base"))

    def test_an_unknown_feature_in_a_rule_is_named_with_place_and_suggestion(self):
        self.refused(r"rules\.toml:8:34: .*'count_1x'.*did you mean 'count_1h'", features=FEATURES,
                     rules=RULES.replace("count_1h", "count_1x"))

    def test_a_type_error_in_a_rule_is_named_with_place(self):
        self.refused(r"rules\.toml:8:\d+: ", features=FEATURES, rules=RULES.replace("> 100000", "> currency"))

    def test_broken_toml_is_named_with_place(self):
        self.refused(r"features\.toml:4:\d+: ", features=FEATURES.replace('"count"', '"count'))
        self.refused(r"x\.map\.toml:\d+:\d+: ", map_text=MAP.replace('"id"', '"id'))

    def test_an_unknown_key_of_a_mapping_is_named_with_place_and_suggestion(self):
        self.refused(r"x\.map\.toml:9:1: .*'custmer_id'.*did you mean 'customer_id'",
                     map_text=MAP.replace("customer_id", "custmer_id"))

    def test_a_missing_column_is_named_with_those_that_are_there(self):
        self.refused(r"tx\.csv: no column 'cents'; it has id, time, customer, merchant, amount",
                     rows=HEADER.replace("cents", "amount") + GOOD_ROWS)
        self.assertFalse((self.data / "models").exists(), "something was recorded")

    def test_a_missing_input_file_is_named(self):
        done = vigil("ingest", "--data", self.data, "--map", self.write("x.map.toml", MAP), self.directory / "no.csv", code=None)
        self.assertIn(done.returncode, (1, 2))
        self.assertIn("no.csv", done.stderr)

    def test_damaged_zstd_is_named(self):
        path = self.directory / "tx.csv.zst"
        path.write_bytes(b"\x28\xb5\x2f\xfd" + b"\xff" * 100)
        done = vigil("ingest", "--data", self.data, "--map", self.write("x.map.toml", MAP), path, code=1)
        self.assertIn("tx.csv.zst", done.stderr)

    def test_bad_rows_are_quarantined_with_their_number_and_the_rest_goes_on(self):
        rows = (HEADER + "t1,1700000000,c1,m1,1250\n"      # row 2
                + "t2,never,c2,m1,900\n"                     # row 3: bad_time
                + "t3,1700000120,c3,m1\n"                    # row 4: a cell is missing
                + "t4,1700000180,,m1,900\n"                  # row 5: empty_field
                + "t5,1700000240,c5,m1,9.5\n"                # row 6: bad_amount
                + 't6,1700000300,"c""6",m1,900\n'            # row 7: quotes are CSV, not a mistake
                + "t7,1700000360,c7,m1,0\n")                 # row 8: amount_below_minimum
        summary = self.ingest(rows=rows).stdout
        self.assertIn('"accepted":2', summary.replace(" ", ""))
        events = log_dump(self.data)
        decided = [event["transaction_id"] for event in events if event["type"] == "TransactionDecided"]
        self.assertEqual(["t1", "t6"], decided)
        quarantined = {event["source"]: [reason["code"] for reason in event["reasons"]]
                       for event in events if event["type"] == "TransactionQuarantined"}
        self.assertEqual({"tx.csv:3": ["bad_time"], "tx.csv:4": ["bad_row"], "tx.csv:5": ["empty_field"],
                          "tx.csv:6": ["bad_amount"], "tx.csv:8": ["amount_below_minimum"]}, quarantined)

    def both_ways(self, path, *options, policy=None):
        """Ingests a file embedded and through a server; what each then knows: quarantine, features, events."""
        known = []
        for way in ("embedded", "served"):
            data = self.directory / way
            if way == "embedded":
                vigil("ingest", "--data", data, *options, path)
            else:
                server = self.serve("--segment-mib", 4, *(("--policy", policy) if policy else ()), data=data)
                vigil("ingest", "--connect", server.endpoint, "--per-message", 3, *options, path)
                self.assertEqual(0, server.stop(), server.stderr())
            exported = self.directory / f"{way}.features.csv"
            vigil("export", "features", "--data", data, "--csv", exported)
            rows = vigil("quarantine", "export", "--data", data).stdout.splitlines()
            rows = [{key: value for key, value in json.loads(row).items() if key != "position"} for row in rows]
            events = [{key: value for key, value in event.items() if key not in ("position", "ingest_time")}
                      for event in log_dump(data)
                      if event["type"] in ("TransactionDecided", "TransactionQuarantined", "LabelReported")]
            known.append((rows, exported.read_bytes(), events))
        self.assertEqual(known[0][0], known[1][0])
        self.assertEqual(known[0][1], known[1][1])
        self.assertEqual(known[0][2], known[1][2])
        return known[0]

    def test_a_csv_file_is_the_same_embedded_and_through_a_server(self):
        rows = HEADER + GOOD_ROWS + "".join(
            f"u{n},{1700000100 + 60 * n},c{n % 3},m1,{0 if n % 7 == 0 else 900 + n}\n"  # some below the minimum
            + (f"v{n},never,c{n},m1,900\n" if n % 5 == 0 else "")                     # bad_time
            + (f'w{n},"1,c{n}\n' if n % 11 == 0 else "")                               # misplaced quotes
            for n in range(40)) + "t9,1700009000,c1\n" + "t1,1700000000,c1,m1,77\n"     # a short row, a conflict
        path = self.directory / "tx.csv"
        path.write_bytes(rows.encode() + b"x1,1700009100,c\xff,m1,900\n")              # not UTF-8
        quarantined, _, _ = self.both_ways(path, "--map", self.write("x.map.toml", MAP))
        codes = {reason["code"] for row in quarantined for reason in row["reasons"]}
        self.assertLessEqual({"amount_below_minimum", "bad_time", "bad_row", "invalid_utf8"}, codes)
        self.assertTrue(all(row["source"].startswith("tx.csv:") for row in quarantined), quarantined)

    def test_json_lines_are_the_same_embedded_and_through_a_server(self):
        good = ('{"transaction_id":"j%d", "event_time":"2024-01-01T00:00:00Z","customer_id":"c","merchant_id":"m",'
                '"amount":"%s","currency":"EUR"}\n')
        label = '{"op":"label","label":{"transaction_id":"j%d","kind":"fraud","reported_at":"2024-01-02T00:00:00Z"}}\n'
        lines = (good % (1, "1.00") + "{broken\n" + good % (2, "0") + '{"transaction_id":"j3"}\n' + label % 1
                 + label % 9 + good % (4, "2.00") + '{"op":"sumbit"}\n[1]\n')
        policy = self.write("policy.toml", 'clock = "stream"\n')
        quarantined, _, _ = self.both_ways(self.write("tx.jsonl", lines), "--policy", policy, policy=policy)
        self.assertEqual([f"tx.jsonl:{line}" for line in (2, 3, 4, 6, 8, 9)], [row["source"] for row in quarantined])

    def test_json_lines_with_bad_ones_go_on(self):
        good = ('{"transaction_id":"j%d","event_time":"2024-01-01T00:00:00Z","customer_id":"c","merchant_id":"m",'
                '"amount":"1.00","currency":"EUR"}\n')
        lines = good % 1 + "{broken\n" + good % 2 + '{"transaction_id":"j3"}\n' + "\n" + good % 4
        path = self.write("tx.jsonl", lines)
        policy = self.write("policy.toml", 'clock = "stream"\n')
        summary = vigil_json("ingest", "--data", self.data, "--policy", policy, path)
        self.assertEqual((3, 2), (summary["accepted"], summary["quarantined"]))

    def test_the_same_file_again_appends_nothing(self):
        self.ingest(features=FEATURES, rules=RULES)
        before = log_dump(self.data)
        self.ingest(features=FEATURES, rules=RULES)
        self.assertEqual(before, log_dump(self.data))

    def test_feature_and_rule_files_can_be_checked_alone(self):
        features = self.write("features.toml", FEATURES)
        vigil("features", "check", features)
        vigil("rules", "check", self.write("rules.toml", RULES), "--features", features)
        bad = self.write("bad.toml", FEATURES.replace('"count"', '"cuont"'))
        self.assertRegex(vigil("features", "check", bad, code=1).stderr, r"bad\.toml:4:\d+: .*did you mean 'count'")


if __name__ == "__main__":
    main()
