"""Clients that keep a server busy with a seeded stream, remember every acknowledged answer, and never accept another."""

import json

import zmq

from harness import log_dump, vigil, vigil_json
import stream

ANSWER_FIELDS = ("transaction_id", "status", "outcome", "score", "rules", "position")


class Load:
    """One client's stream, sent in order and pipelined. Survives its connections: what was never answered is sent
    again to the next server."""

    def __init__(self, seed=1, per_message=8, in_flight=24):
        self.seed, self.per_message, self.in_flight = seed, per_message, in_flight
        self.acknowledged = {}  # transaction id -> its recorded answer
        self.next_unacknowledged = 0  # message number: all before it are acknowledged
        self.sent = 0  # over the present connection; all before it are on their way or answered
        self.sent_ever = 0
        self.resubmitted = 0  # messages that an earlier server took or lost without an answer
        self.found_recorded = 0  # transactions of those that had been recorded

    def message(self, number):
        return stream.submit(number, number * self.per_message, self.per_message, self.seed)

    def reconnect(self):
        """For a new connection: nothing is on its way over it."""
        self.sent = self.next_unacknowledged

    def top_up(self, client, until):
        """Sends as far as `until` and the number in flight allow."""
        while self.sent < min(until, self.next_unacknowledged + self.in_flight):
            client.send_bytes(encoded(self, self.sent))
            self.resubmitted += self.sent < self.sent_ever
            self.sent += 1
            self.sent_ever = max(self.sent_ever, self.sent)

    def run(self, client, until, stop=lambda: False):
        """Over a new connection: sends up to message `until`, answers counted in order, unless `stop()` says so."""
        self.reconnect()
        while self.next_unacknowledged < until and not stop():
            self.top_up(client, until)
            self.take(client.answer())

    def take(self, answer):
        if answer.get("status") == "outcome_unknown":
            raise AssertionError(f"nothing failed, but the server says {answer}")
        if answer["id"] != self.next_unacknowledged:
            raise AssertionError(f"answer {answer} came out of order, expected id {self.next_unacknowledged}")
        self.remember(answer["results"])
        self.next_unacknowledged += 1

    def take_what_came(self, client):
        """Answers that had left the server before it died."""
        while (answer := client.receive(0.02)) is not None:
            self.take(answer)

    def remember(self, results):
        if len(results) != self.per_message:
            raise AssertionError(f"{len(results)} results for {self.per_message} transactions")
        for result in results:
            answer = {name: result[name] for name in ANSWER_FIELDS}
            if answer["status"] != "decided":
                raise AssertionError(f"{result} is no decision")
            before = self.acknowledged.setdefault(answer["transaction_id"], answer)
            if before is answer:
                self.found_recorded += result["repeat"]
            elif before != answer:
                raise AssertionError(f"the answer changed from {before} to {answer}")

    def repeats_equal_originals(self, client, messages):
        """Only while nothing else of this client is in flight."""
        messages = list(messages)
        for number in messages:
            client.send_bytes(encoded(self, number))
        for number in messages:
            answer = client.answer()
            for result in answer["results"]:
                if not result["repeat"]:
                    raise AssertionError(f"{result} was acknowledged before and is decided again")
            self.remember(answer["results"])


_encoded = {}


def encoded(load, number):
    """A message's bytes; every directory begins with the same ones."""
    key = load.seed, load.per_message, number
    if key not in _encoded:
        _encoded[key] = json.dumps(load.message(number)).encode()
    return _encoded[key]


def run_together(loads, clients, stop):
    """Several clients at once, each as far as it gets until `stop()`; what is in flight then stays so."""
    poller, by_socket = zmq.Poller(), {}
    for load, client in zip(loads, clients):
        poller.register(client.socket, zmq.POLLIN)
        by_socket[client.socket] = load, client
    endless = 1 << 60
    while not stop():
        for load, client in by_socket.values():
            load.top_up(client, endless)
        for socket, _ in poller.poll(2):
            load, client = by_socket[socket]
            load.take(client.answer())


def everything_is_there_once(data, loads):
    """That the log holds what was acknowledged, at its position, and nothing else, each once."""
    decided = [event for event in log_dump(data) if event["type"] == "TransactionDecided"]
    positions = {event["transaction_id"]: event["position"] for event in decided}
    if len(positions) != len(decided):
        raise AssertionError(f"{len(decided) - len(positions)} transactions were decided twice")
    acknowledged = {}
    for load in loads:
        acknowledged |= {key: answer["position"] for key, answer in load.acknowledged.items()}
    lost = {key: position for key, position in acknowledged.items() if positions.get(key) != position}
    if lost:
        raise AssertionError(f"{len(lost)} acknowledged decisions are not where they were, among them {min(lost.items())}")
    if len(positions) != len(acknowledged):
        unheard = min(positions.keys() - acknowledged.keys())
        raise AssertionError(f"the log holds {unheard}, to which no answer came although all were sent again")


def models_equal_a_rebuild(data):
    vigil("verify", "--data", data)
    models = vigil_json("rebuild", "--data", data)["models"]
    for model in models:
        if not model["equal"]:
            raise AssertionError(f"a read model is not what the log says: {model}")
    return len(models)
