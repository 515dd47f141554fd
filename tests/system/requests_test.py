#!/usr/bin/env python3
"""What is asked for is done as asked or refused: nothing is left out, altered or understood as something else."""

import json
from datetime import datetime, timezone

from harness import SystemTest, log_dump, main, vigil
from stream import iso
import stream

NOW = datetime.now(timezone.utc)
GOOD = {"transaction_id": "t", "event_time": iso(NOW), "customer_id": "c", "merchant_id": "m",
        "amount": "12.50", "currency": "EUR"}
EXTRA = '"card_ref":12345678901234567890123,"ratio":0.10,"huge":1e400,"deep":{"a":1,"a":2}'


class Requests(SystemTest):
    def usage(self, text, *arguments):
        self.assertIn(text, vigil(*arguments, code=2, timeout=60).stderr)

    def fails(self, text, *arguments):
        self.assertIn(text, vigil(*arguments, code=1, timeout=60).stderr)

    def ingest_lines(self, *lines, data=None):
        path = self.write("lines.jsonl", "".join(line + "\n" for line in lines))
        return vigil("ingest", "--data", data or self.data, path, "--json")

    def deep(self, name, text):
        """A file with a path longer than the names in messages may be."""
        folder = self.directory / ("p" * 140)
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return folder / name

    def test_a_long_path_puts_policy_and_rules_in_force_through_a_service(self):
        server = self.serve("--segment-mib", 4)
        rows = "id,time,customer,merchant,cents\nt1,1700000000,c1,m1,1250\n"
        mapping = ('format = "csv"\n[policy]\nclock = "stream"\n[columns]\ntransaction_id = "id"\n'
                   'event_time = { column = "time", unit = "s" }\ncustomer_id = "customer"\nmerchant_id = "merchant"\n'
                   'amount = { column = "cents", unit = "minor" }\n[constants]\ncurrency = "EUR"\n')
        rules = vigil("rules", "default").stdout + "\n# changed\n"
        vigil("ingest", "--connect", server.endpoint, "--map", self.deep("x.map.toml", mapping), "--rules",
              self.deep("rules.toml", rules), self.write("tx.csv", rows))
        self.assertEqual(0, server.stop())
        types = [event["type"] for event in log_dump(self.data)]
        self.assertEqual(2, types.count("RulesActivated"), types)
        self.assertNotIn("TransactionQuarantined", types)
        self.assertEqual(1, types.count("TransactionDecided"))

    def test_what_a_service_does_not_put_in_force_ends_the_ingest(self):
        server = self.serve("--segment-mib", 4)
        name = self.write("policy\n.toml", stream.POLICY)  # no name of a file to the service
        self.fails("control characters", "ingest", "--connect", server.endpoint, "--policy", name,
                   self.write("tx.jsonl", json.dumps(GOOD) + "\n"))
        self.assertEqual(0, server.stop())
        self.assertNotIn("TransactionDecided", [event["type"] for event in log_dump(self.data)])

    def test_a_transaction_is_shown_as_it_was_accepted(self):
        self.ingest_lines(json.dumps(GOOD)[:-1] + "," + EXTRA + "}")
        asked = ("query", "--data", self.data, "transaction", "t")
        self.assertIn('"extra":{' + EXTRA + "}", vigil(*asked, "--json").stdout)
        self.assertIn("{" + EXTRA + "}", vigil(*asked).stdout)
        for command in (("log", "dump", "--data", self.data, "--json"), ("tail", "--data", self.data)):
            self.assertIn('"extra":{' + EXTRA + "}", vigil(*command).stdout)

    def test_a_query_refuses_what_it_does_not_have(self):
        self.ingest_lines(json.dumps(GOOD))
        asked = ("query", "--data", self.data)
        self.usage("query alerts takes no ID; --customer C000001", *asked, "alerts", "C000001")
        self.usage("query alerts has no --as-of", *asked, "alerts", "--as-of", 10)
        self.usage("query rules has no --limit", *asked, "rules", "--limit", 4)
        self.usage("query customer has no --customer", *asked, "customer", "c", "--customer", "d")
        self.usage("did you mean 'alerts'?", *asked, "alrts")
        self.usage("query merchant needs an ID", *asked, "merchant")
        self.usage("--limit", *asked, "alerts", "--limit", 0)

    def test_exported_raw_input_can_be_submitted_as_it_is(self):
        label = {"transaction_id": "t", "kind": "fraud", "reported_at": iso(NOW)}
        broken = [json.dumps({"op": "label", "label": {**label, "transaction_id": f"nobody{n}"}}) for n in range(120)]
        self.ingest_lines(json.dumps({"op": "label", "label": label}), *broken)
        server = self.serve("--segment-mib", 4)
        pretty = json.dumps({**GOOD, "transaction_id": "p", "currency": "XXQ"}, indent=2)
        answer = self.client(server).ask_bytes(b'{"op":"submit","transaction":' + pretty.encode() + b"}")
        self.assertEqual("quarantined", answer["results"][0]["status"])
        self.assertEqual(0, server.stop())
        out = self.directory / "raw.jsonl"
        exporting = ("quarantine", "export", "--data", self.data, "--out", out)
        vigil(*exporting)
        self.assertEqual(122, len(out.read_text().splitlines()), "nothing is left out without being asked for")
        vigil(*exporting, "--limit", 7)
        self.assertEqual(7, len(out.read_text().splitlines()))
        self.usage("--limit", *exporting, "--limit", 0)
        vigil(*exporting, "--raw")
        lines = out.read_text().splitlines()
        self.assertEqual(122, len(lines), "one line each")
        out.write_text("".join(line.replace("XXQ", "EUR") + "\n" for line in lines))
        self.ingest_lines(json.dumps(GOOD))
        done = vigil("quarantine", "resubmit", "--data", self.data, out, "--json")
        summary = json.loads(done.stdout)
        self.assertEqual((1, 1), (summary["accepted"], summary["labels"]), summary)
        self.assertEqual({"unknown_transaction": 120}, summary["quarantined_by_reason"])

    def test_what_is_no_text_file_is_named(self):
        lines = self.write("tx.jsonl", json.dumps(GOOD) + "\n")
        for option in ("--policy", "--features", "--rules", "--map"):
            asked = ("ingest", "--data", self.data, option)
            self.fails(f"{self.directory}: is a directory", *asked, self.directory, lines)
            self.fails("/dev/zero: has more than 16777216 bytes", *asked, "/dev/zero", lines)
        self.fails(f"{self.directory}: is a directory", "rules", "check", self.directory)
        self.fails(f"{self.directory}: is a directory", "serve", "--data", self.data, "--policy", self.directory)

    def test_numbers_below_zero_are_no_huge_ones(self):
        data = ("--data", self.data)
        for command in (("serve", *data, "--scrub-rate"), ("log", "dump", *data, "--count"), ("verify", *data, "--since"),
                        ("query", *data, "alerts", "--limit"), ("tail", *data, "--limit"),
                        ("log", "archive", *data, "--keep"), ("quarantine", "list", *data, "--since")):
            self.usage("-1 is less than 0", *command, "-1")
        self.usage("--fraud-rate", "simulate", "--fraud-rate", "nan")
        self.usage("--start", "simulate", "--start", "9999-12-31")

    def test_a_port_that_cannot_be_is_refused(self):
        self.fails("ports end at 65535", "serve", "--data", self.data, "--bind", "tcp://127.0.0.1:99999")

    def test_segments_have_one_range_of_sizes(self):
        lines = self.write("tx.jsonl", json.dumps(GOOD) + "\n")
        for command in (("serve", "--data", self.data), ("ingest", "--data", self.data, lines)):
            for mib in (3, 32_769):
                self.usage("32768", *command, "--segment-mib", mib)

    def test_tail_refuses_options_of_its_other_form(self):
        for option in (("--types", "AlertRaised"), ("--from", 1), ("--follow",)):
            self.usage("--topics", "tail", "--connect", "tcp://127.0.0.1:1", *option)
        self.usage("--types", "tail", "--data", self.data, "--topics", "alert.")


if __name__ == "__main__":
    main()
