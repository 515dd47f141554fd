#!/usr/bin/env python3
"""SIGKILL at 50 random moments under load: nothing acknowledged is lost, nothing is decided twice."""

import random
import time

from harness import Server, Client, SystemTest, main, vigil
from load import Load, everything_is_there_once, models_equal_a_rebuild
import stream

ROUNDS = 50
SEED = 4711
MESSAGES_PER_ROUND_MAX = 220
STARTUP_KILL_EVERY = 10  # every tenth server is killed while it still starts


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
                load.repeats_equal_originals(client, {draw.randrange(done) for _ in range(5)} if done else ())
                deadline = time.monotonic() + draw.uniform(0, 0.002)
                wanted = done + draw.randrange(1, MESSAGES_PER_ROUND_MAX)
                load.run(client, wanted + load.in_flight,
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
        total = load.next_unacknowledged + load.in_flight
        server = self.start(self.data).wait_ready()
        with Client(server.endpoint) as client:
            load.run(client, total)
            load.repeats_equal_originals(client, range(0, total))
        self.assertEqual(0, server.stop())
        everything_is_there_once(self.data, [load])
        self.assertEqual(total * load.per_message, len(load.acknowledged))
        models_equal_a_rebuild(self.data)
        self.features_equal_an_undisturbed_run(total)

    def test_what_was_lost_moved_doubled_or_changed_would_be_noticed(self):
        server, load = self.start(self.data).wait_ready(), Load()
        with Client(server.endpoint) as client:
            load.run(client, 5)
        self.assertEqual(0, server.stop())
        everything_is_there_once(self.data, [load])
        name, answer = max(load.acknowledged.items())
        for wrong, message in (({**answer, "position": answer["position"] + 1}, "not where they were"),
                               ({**answer, "transaction_id": "never sent"}, "not where they were")):
            load.acknowledged[wrong["transaction_id"]] = wrong
            with self.assertRaisesRegex(AssertionError, message):
                everything_is_there_once(self.data, [load])
            load.acknowledged.pop("never sent", None)
            load.acknowledged[name] = answer
        del load.acknowledged[name]
        with self.assertRaisesRegex(AssertionError, "no answer came"):
            everything_is_there_once(self.data, [load])
        other = {**answer, "transaction_id": max(load.acknowledged), "repeat": True}
        with self.assertRaisesRegex(AssertionError, "the answer changed"):
            load.remember([other] * load.per_message)

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
