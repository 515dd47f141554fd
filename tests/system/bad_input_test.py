#!/usr/bin/env python3
"""Bad input over the wire: each with its reason, kept in quarantine, and the server goes on."""

import json
from datetime import datetime, timedelta, timezone

from harness import SystemTest, log_dump, main
from stream import iso

NOW = datetime.now(timezone.utc)  # the default policy judges event times by the wall clock
GOOD = {"transaction_id": "t", "event_time": iso(NOW), "customer_id": "c", "merchant_id": "m",
        "amount": "12.50", "currency": "EUR"}

# (what is changed in a good transaction; None removes the field) -> the reason code.
BAD_FIELDS = [
    ({"transaction_id": None}, "missing_field"),
    ({"customer_id": None}, "missing_field"),
    ({"merchant_id": None}, "missing_field"),
    ({"event_time": None}, "missing_field"),
    ({"amount": None}, "missing_field"),
    ({"currency": None}, "missing_field"),
    ({"customer_id": ""}, "empty_field"),
    ({"customer_id": 7}, "wrong_type"),
    ({"amount": True}, "wrong_type"),
    ({"latitude": [48], "longitude": 8}, "wrong_type"),
    ({"customer_id": "c" * 65}, "too_long"),
    ({"category": "x" * 33}, "too_long"),
    ({"merchant_id": "m\n1"}, "bad_characters"),
    ({"version": 0}, "bad_version"),
    ({"version": 2}, "unknown_transaction"),
    ({"event_time": "yesterday"}, "bad_time"),
    ({"event_time": iso(NOW - timedelta(days=8))}, "event_time_too_old"),
    ({"event_time": iso(NOW + timedelta(hours=1))}, "event_time_in_future"),
    ({"amount": "one"}, "bad_amount"),
    ({"amount": "1.234"}, "bad_amount"),
    ({"amount_minor": 5}, "bad_amount"),
    ({"amount": "0.00"}, "amount_below_minimum"),
    ({"amount": "-1.00"}, "amount_below_minimum"),
    ({"amount": "100000000000.00"}, "amount_above_maximum"),
    ({"currency": "XXQ"}, "unknown_currency"),
    ({"currency": "JPY", "amount": "5"}, "no_rate"),
    ({"country": "QQ"}, "unknown_country"),
    ({"card_country": "Germany"}, "unknown_country"),
    ({"status": "LOST"}, "unknown_status"),
    ({"latitude": 91, "longitude": 8}, "bad_place"),
    ({"latitude": 48}, "bad_place"),
    ({"note": "x" * 5000}, "extra_too_large"),
]


def changed(changes, number):
    facts = {**GOOD, "transaction_id": f"bad{number}", **changes}
    return {name: value for name, value in facts.items() if value is not None}


class BadInput(SystemTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--segment-mib", 4)
        self.wire = self.client(self.server)
        self.submit(GOOD)

    def submit(self, transaction):
        (result,) = self.wire.ask({"op": "submit", "id": 1, "transaction": transaction})["results"]
        return result

    def codes(self, result):
        self.assertEqual("quarantined", result["status"], result)
        return [reason["code"] for reason in result["reasons"]]

    def goes_on(self):
        """The server answers a good transaction and has lost nothing of before."""
        self.assertTrue(self.submit(GOOD)["repeat"])
        self.assertEqual("decided", self.submit({**GOOD, "transaction_id": "after"})["status"])
        self.assertEqual(0, self.server.stop(), self.server.stderr())
        return log_dump(self.data)

    def quarantined(self):
        return [event for event in self.goes_on() if event["type"] == "TransactionQuarantined"]

    def test_every_validation_rule_has_its_reason_and_fills_the_quarantine(self):
        newest = 0
        for number, (changes, code) in enumerate(BAD_FIELDS):
            with self.subTest(changes=changes):
                result = self.submit(changed(changes, number))
                self.assertIn(code, self.codes(result))
                newest = max(newest, result["position"])
        # A read model follows; whoever wants to see its own writes says so.
        answer = self.wire.ask({"op": "query", "id": 2, "query": "quarantine", "limit": 100, "at_least": newest,
                                "timeout_ms": 10_000})
        self.assertEqual(len(BAD_FIELDS), len(answer["rows"]), answer)
        self.assertEqual(len(BAD_FIELDS), len(self.quarantined()))

    def one_bad_message(self, payload, code):
        answer = self.wire.ask_bytes(payload)
        (result,) = answer["results"]
        self.assertIn(code, self.codes(result))
        return answer

    def test_broken_json_is_quarantined_whole(self):
        payload = b'{"op":"submit","id":3,"transaction":{"transaction_id":"x",'
        self.one_bad_message(payload, "broken_json")
        (event,) = self.quarantined()
        self.assertIn("transaction_id", json.dumps(event))

    def test_duplicate_keys_are_refused_not_guessed(self):
        text = json.dumps({"op": "submit", "id": 4, "transaction": GOOD})
        self.one_bad_message(text.replace('"amount": ', '"amount": "1.00", "amount": ').encode(), "duplicate_field")
        self.assertEqual(1, len(self.quarantined()))

    def test_invalid_utf8_is_quarantined(self):
        text = json.dumps({"op": "submit", "id": 5, "transaction": {**GOOD, "transaction_id": "u8"}})
        self.one_bad_message(text.encode().replace(b'"m"', b'"\xff\xfe"'), "invalid_utf8")
        self.assertEqual(1, len(self.quarantined()))

    def test_a_message_of_10_mb_is_quarantined_in_part(self):
        transaction = {**GOOD, "transaction_id": "huge", "note": "x" * 10_000_000}
        self.one_bad_message(json.dumps({"op": "submit", "id": 6, "transaction": transaction}).encode(),
                             "message_too_large")
        self.assertEqual(1, len(self.quarantined()))

    def test_an_unknown_operation_names_the_known_ones(self):
        answer = self.wire.ask({"op": "sumbit", "id": 7, "transaction": GOOD})
        self.assertIn("submit", json.dumps(answer).replace("sumbit", ""))
        self.goes_on()

    def test_wrong_shapes_are_answered(self):
        for payload in (b"[]", b"7", b"null", b'"text"', b'{"op":7}', b'{"id":1}', b'{"op":"submit","id":8}',
                        b'{"op":"submit","id":9,"transactions":{}}', b'{"op":"submit","id":10,"transactions":[]}',
                        b'{"op":"submit","id":11,"transactions":[1,"a",null,[]]}', b"\x00" * 64, b"[" * 100_000):
            with self.subTest(payload=payload[:60]):
                self.wire.ask_bytes(payload)
        self.goes_on()

    def test_a_bad_transaction_among_good_ones_does_not_hold_them_up(self):
        batch = [{**GOOD, "transaction_id": "b1"}, {**GOOD, "transaction_id": "b2", "currency": "ZZZ"},
                 {**GOOD, "transaction_id": "b3"}]
        results = self.wire.ask({"op": "submit", "id": 12, "transactions": batch})["results"]
        self.assertEqual(["decided", "quarantined", "decided"], [result["status"] for result in results])

    def test_other_content_under_a_known_id_is_a_conflict_with_the_recorded_decision(self):
        result = self.submit({**GOOD, "amount": "13.00"})
        self.assertEqual("conflict", result["status"])
        self.assertEqual(self.submit(GOOD)["position"], result["position"])
        self.assertEqual([], self.quarantined())

    def test_quarantine_items_at_their_limits_have_room_in_the_log(self):
        """The recorder reserves room in proportion to the raw input; what an item may hold has to fit into it, also
        where a frame is nearly full: so many are sent at once that frames end at every possible place."""
        for raw, reasons, items in (("x", 32, 120), ("x" * 100, 32, 100), ("x", 3, 120), ("x" * 4_000, 32, 20)):
            # "bad_time" and "amount" with 64 bytes more each; the texts take the rest of what is allowed.
            text_bytes = min(1024, (3072 + 8 * len(raw)) // reasons - 64 - len("bad_timeamount"))
            reason = {"code": "bad_time", "field": "amount", "text": "t" * text_bytes}
            for message in range(16):
                names = [f"{reasons}-{len(raw)}-{message}-{n}-" for n in range(items)]
                self.wire.send({"op": "quarantine", "id": message, "items": [
                    {"raw": raw, "source": name + "s" * (512 - len(name)), "reasons": [reason] * reasons}
                    for name in names]})
            for message in range(16):
                for result in self.wire.answer()["results"]:
                    self.assertEqual(["bad_time"] * reasons, self.codes(result))
        self.goes_on()

    def test_a_label_of_an_unknown_transaction_has_its_reason(self):
        answer = self.wire.ask({"op": "label", "id": 13, "label": {
            "transaction_id": "nobody", "kind": "fraud", "reported_at": iso(NOW)}})
        self.assertIn("unknown_transaction", json.dumps(answer))
        self.goes_on()


if __name__ == "__main__":
    main()
