#!/usr/bin/env python3
"""Many clients, full queues, subscribers, read-your-writes, restarts and clean stops."""

import json
import signal
import threading

import zmq

from harness import Client, SystemTest, log_dump, main, vigil
import stream

CLIENTS = 16
MESSAGES_PER_CLIENT = 60
PER_MESSAGE = 5


class Clients(SystemTest):
    def serve_stream(self, *options, **keywords):
        return self.serve("--segment-mib", 4, "--policy", self.write("policy.toml", stream.POLICY), *options, **keywords)

    def decisions(self):
        return [event for event in log_dump(self.data) if event["type"] == "TransactionDecided"]

    def test_sixteen_clients_at_once_each_get_their_own_answers(self):
        server, failures, answers = self.serve_stream(), [], {}

        def one_client(seed):
            try:
                with Client(server.endpoint) as client:
                    for number in range(MESSAGES_PER_CLIENT):
                        client.send(stream.submit(f"{seed}-{number}", number * PER_MESSAGE, PER_MESSAGE, seed))
                    for number in range(MESSAGES_PER_CLIENT):
                        answer = client.answer()
                        assert answer["id"] == f"{seed}-{number}", answer
                        for n, result in enumerate(answer["results"], number * PER_MESSAGE):
                            assert result["transaction_id"] == f"t{seed}-{n}", result
                            assert result["status"] == "decided" and not result["repeat"], result
                            answers[result["transaction_id"]] = result["position"]
            except Exception as failure:  # reported by the test's own thread
                failures.append(f"client {seed}: {failure!r}")

        threads = [threading.Thread(target=one_client, args=(seed,)) for seed in range(1, CLIENTS + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
        self.assertEqual(0, server.stop(), server.stderr())
        recorded = {event["transaction_id"]: event["position"] for event in self.decisions()}
        self.assertEqual(CLIENTS * MESSAGES_PER_CLIENT * PER_MESSAGE, len(recorded))
        self.assertEqual(recorded, answers)

    def stop_under_load(self, number):
        server, messages = self.serve_stream(), 400
        with Client(server.endpoint) as client:
            for message in range(messages):
                client.send(stream.submit(message, message * PER_MESSAGE, PER_MESSAGE))
                if message == messages // 2:
                    server.signal_stop(number)
            answered = []
            while (answer := client.receive(1.0)) is not None:
                answered.append(answer)
            self.assertEqual(0, server.wait(), server.stderr())
        acknowledged = [result["transaction_id"] for answer in answered for result in answer.get("results", ())
                        if result["status"] == "decided"]
        recorded = [event["transaction_id"] for event in self.decisions()]
        self.assertEqual(recorded, acknowledged, "what was recorded and what was answered differ")
        self.assertGreater(len(recorded), 0)

    def test_sigterm_under_load_answers_every_accepted_message_and_ends_with_0(self):
        self.stop_under_load(signal.SIGTERM)

    def test_sigint_does_the_same(self):
        self.stop_under_load(signal.SIGINT)

    def test_a_full_queue_answers_busy_and_loses_nothing(self):
        server = self.serve_stream("--queue", 2)
        client, statuses = self.client(server), []
        for number in range(300):
            client.send(stream.submit(number, number * 50, 50))
        busy = 0
        for _ in range(300):
            answer = client.answer()
            if answer.get("status") == "busy":
                busy += 1
            else:
                statuses += [result["status"] for result in answer["results"]]
        self.assertGreater(busy, 0, "the queue was never full")
        self.assertEqual(0, server.stop())
        self.assertEqual(["decided"] * len(statuses), statuses)
        self.assertEqual(len(statuses), len(self.decisions()))

    def test_an_ingest_keeps_its_order_while_the_queue_is_full(self):
        transactions = [stream.transaction(n) for n in range(3000)]
        path = self.write("tx.jsonl", "".join(json.dumps(facts) + "\n" for facts in transactions))
        server = self.serve_stream("--queue", 2)
        vigil("ingest", "--connect", server.endpoint, "--per-message", 5, "--in-flight", 64, path)
        status = self.client(server).ask({"op": "query", "query": "status"})["row"]
        self.assertGreater(status["service"]["busy"], 0, "the queue was never full")
        self.assertEqual(0, server.stop())
        self.assertEqual([facts["transaction_id"] for facts in transactions],
                         [event["transaction_id"] for event in self.decisions()])

    def test_a_restart_keeps_the_memory_of_what_was_decided(self):
        server = self.serve_stream()
        before = self.client(server).ask(stream.submit(1, 0, 50))["results"]
        self.assertEqual(0, server.stop())
        server = self.serve_stream()
        after = self.client(server).ask(stream.submit(2, 0, 50))["results"]
        self.assertTrue(all(result.pop("repeat") for result in after))
        self.assertFalse(any(result.pop("repeat") for result in before))
        self.assertEqual(before, after)

    def test_a_query_for_at_least_my_position_sees_my_write(self):
        client = self.client(self.serve_stream())
        for number in range(30):
            result = client.ask(stream.submit(number, number, 1))["results"][0]
            customer = stream.transaction(number)["customer_id"]
            answer = client.ask({"op": "query", "id": "q", "query": "customer", "customer_id": customer,
                                 "at_least": result["position"], "timeout_ms": 10_000})
            self.assertGreaterEqual(answer["as_of"], result["position"], answer)
            self.assertEqual(sum(stream.transaction(n)["customer_id"] == customer for n in range(number + 1)),
                             answer["row"]["transactions"], answer)

    def test_subscribers_get_every_decision_in_order_and_every_alert(self):
        server = self.serve_stream()
        subscriber = Client.context.socket(zmq.SUB)
        self.addCleanup(subscriber.close, 0)
        subscriber.connect(server.publish_endpoint)
        subscriber.subscribe(b"")
        self.wait_for_subscription(subscriber, server)
        client = self.client(server)
        client.ask(stream.submit(1, 100, 400))
        wanted = {f"t1-{n}" for n in range(100, 500)}
        decided, alerts = [], 0
        while len(decided) < len(wanted):
            self.assertTrue(subscriber.poll(10_000), f"only {len(decided)} decisions were published")
            topic, payload = subscriber.recv_multipart()
            event = json.loads(payload)
            if topic.startswith(b"decision") and event["transaction_id"] in wanted:
                decided.append(event)
            alerts += topic.startswith(b"alert")
        self.assertEqual(sorted(wanted), sorted(event["transaction_id"] for event in decided))
        positions = [event["position"] for event in decided]
        self.assertEqual(sorted(positions), positions)

    def wait_for_subscription(self, subscriber, server):
        """PUB/SUB joins late: decide until the first one arrives."""
        client = self.client(server)
        for number in range(100):
            client.ask(stream.submit("warm", number, 1))
            if subscriber.poll(100):
                break
        while subscriber.poll(300):
            subscriber.recv_multipart()


if __name__ == "__main__":
    main()
