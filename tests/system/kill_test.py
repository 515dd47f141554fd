#!/usr/bin/env python3
"""SIGKILL at 50 random moments under load: nothing acknowledged is lost, nothing is decided twice."""

import random
import time

from harness import Server, Client, SystemTest, log_dump, main, vigil, vigil_json
import stream

ROUNDS = 50
SEED = 4711
PER_MESSAGE = 8
IN_FLIGHT = 24
MESSAGES_PER_ROUND_MAX = 220
STARTUP_KILL_EVERY = 10  # every tenth server is killed while it still starts
ANSWER_FIELDS = ("transaction_id", "status", "outcome", "score", "rules", "position")


class Load:
    """Sends the stream in order, pipelined, and remembers every acknowledged answer."""

    def __init__(self):
        self.acknowledged = {}  # transaction id -> its recorded answer
        self.next_unacknowledged = 0  # message number: all before it are acknowledged

    def message(self, number):
        return stream.submit(number, number * PER_MESSAGE, PER_MESSAGE)

    def run(self, client, until_message, stop=lambda: False):
        """Sends up to `until_message`, answers counted in order; gives up when `stop()` says so."""
        sent = self.next_unacknowledged
        while self.next_unacknowledged < until_message and not stop():
            while sent < min(until_message, self.next_unacknowledged + IN_FLIGHT):
                client.send(self.message(sent))
                sent += 1
            answer = client.answer()
            self.take(answer)

    def take(self, answer):
        if answer["id"] != self.next_unacknowledged:
            raise AssertionError(f"answer {answer} came out of order, expected id {self.next_unacknowledged}")
        self.remember(answer["results"])
        self.next_unacknowledged += 1

    def take_what_came(self, client):
        """Answers that had left the server before it died."""
        while (answer := client.receive(0.02)) is not None:
            self.take(answer)

    def remember(self, results):
        if len(results) != PER_MESSAGE:
            raise AssertionError(f"{len(results)} results for {PER_MESSAGE} transactions")
        for result in results:
            answer = {name: result[name] for name in ANSWER_FIELDS}
            if answer["status"] != "decided":
                raise AssertionError(f"{result} is no decision")
            before = self.acknowledged.setdefault(answer["transaction_id"], answer)
            if before != answer:
                raise AssertionError(f"the answer changed from {before} to {answer}")


def repeats_equal_originals(load, client, messages):
    for number in messages:
        answer = client.ask(load.message(number))
        for result in answer["results"]:
            if not result["repeat"]:
                raise AssertionError(f"{result} was acknowledged before and is decided again")
        load.remember(answer["results"])


class KillAtRandomMoments(SystemTest):
    def start(self, data):
        policy = self.write("policy.toml", stream.POLICY)
        return Server(data, "--segment-mib", 4, "--policy", policy)

    def one_round(self, load, draw, number):
        server = self.start(self.data)
        try:
            if number % STARTUP_KILL_EVERY == STARTUP_KILL_EVERY - 1:
                try:
                    server.process.wait(timeout=draw.uniform(0, 0.05))
                except Exception:
                    pass
                return
            server.wait_ready()
            with Client(server.endpoint) as client:
                done = load.next_unacknowledged
                repeats_equal_originals(load, client, {draw.randrange(done) for _ in range(5)} if done else ())
                deadline = time.monotonic() + draw.uniform(0, 0.002)
                wanted = done + draw.randrange(1, MESSAGES_PER_ROUND_MAX)
                load.run(client, wanted + IN_FLIGHT,
                         lambda: load.next_unacknowledged >= wanted and time.monotonic() >= deadline)
                server.kill()
                load.take_what_came(client)
        finally:
            if server.alive():
                server.kill()

    def test_acknowledged_decisions_survive_once_and_features_equal_an_undisturbed_run(self):
        load, draw = Load(), random.Random(SEED)
        for number in range(ROUNDS):
            self.one_round(load, draw, number)
        total = load.next_unacknowledged + IN_FLIGHT
        server = self.start(self.data).wait_ready()
        with Client(server.endpoint) as client:
            load.run(client, total)
            repeats_equal_originals(load, client, range(0, total))
        self.assertEqual(0, server.stop())
        self.everything_is_there_once(load, total)
        self.models_equal_a_rebuild()
        self.features_equal_an_undisturbed_run(total)

    def everything_is_there_once(self, load, total):
        decided = [event for event in log_dump(self.data) if event["type"] == "TransactionDecided"]
        ids = [event["transaction_id"] for event in decided]
        self.assertEqual(len(ids), len(set(ids)), "a transaction was decided twice")
        self.assertEqual(total * PER_MESSAGE, len(ids))
        positions = {event["transaction_id"]: event["position"] for event in decided}
        for transaction_id, answer in load.acknowledged.items():
            self.assertEqual(answer["position"], positions[transaction_id])

    def models_equal_a_rebuild(self):
        vigil("verify", "--data", self.data)
        for model in vigil_json("rebuild", "--data", self.data)["models"]:
            self.assertTrue(model["equal"], model)

    def features_equal_an_undisturbed_run(self, total):
        undisturbed = self.directory / "undisturbed"
        server, load = self.start(undisturbed).wait_ready(), Load()
        with Client(server.endpoint) as client:
            load.run(client, total)
        self.assertEqual(0, server.stop())
        exports = [self.directory / f"{name}.csv" for name in ("killed", "undisturbed")]
        for data, exported in zip((self.data, undisturbed), exports):
            vigil("export", "features", "--data", data, "--csv", exported)
        self.assertEqual(exports[0].read_bytes(), exports[1].read_bytes())


if __name__ == "__main__":
    main()
