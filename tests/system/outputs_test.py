#!/usr/bin/env python3
"""Where a result goes: a full disk, a reader that left, a stdout that is closed."""

import os
import signal
import subprocess

from harness import Client, Server, SystemTest, VIGIL, main, vigil
import stream


class Outputs(SystemTest):
    def ingest(self, transactions=3000):
        path = self.directory / "tx.jsonl"
        vigil("simulate", "--transactions", transactions, "--out", path)
        vigil("ingest", "--data", self.data, path)

    def run_into(self, stdout, *arguments):
        return subprocess.run([VIGIL, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True,
                              timeout=60)

    def test_a_result_that_could_not_be_written_is_a_failure_with_its_reason(self):
        self.ingest()
        data = ("--data", self.data)
        for command in (("query", *data, "status"), ("query", *data, "rules", "--json"), ("quarantine", "list", *data),
                        ("log", "stat", *data), ("tail", *data), ("tail", *data, "--from", 1), ("verify", *data),
                        ("rebuild", *data), ("backup", *data, "--to", self.directory / "backup", "--json"),
                        ("features", "default"), ("rules", "default"), ("log", "dump", *data), ("--help",),
                        ("log", "head", *data)):
            with self.subTest(command=command), open("/dev/full", "w") as full:
                done = self.run_into(full, *command)
                self.assertEqual(1, done.returncode, done.stderr)
                self.assertRegex(done.stderr, "No space left on device|could not be written")

    def test_a_reader_that_left_ends_a_command_quietly(self):
        self.ingest()
        # systemd and nohup start their children so.
        for before in (None, lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)):
            with self.subTest(ignored=before is not None):
                process = subprocess.Popen([VIGIL, "tail", "--data", str(self.data), "--from", "1", "--follow"],
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before,
                                           restore_signals=before is None)
                process.stdout.readline()
                process.stdout.close()
                self.assertEqual(-signal.SIGPIPE, process.wait(30))
                self.assertEqual(b"", process.stderr.read())
                process.stderr.close()

    def test_a_service_outlives_the_reader_of_its_messages(self):
        reading, writing = os.pipe()
        server = Server(self.data, "--segment-mib", 4)
        server.kill()
        server.stderr_file = os.fdopen(writing, "wb")
        server.process = subprocess.Popen([VIGIL, "serve", "--data", str(self.data), "--bind", "tcp://127.0.0.1:*",
                                           "--publish", "", "--policy", self.write("policy.toml", stream.POLICY)],
                                          stdout=subprocess.PIPE, stderr=writing, text=True)
        self.addCleanup(lambda: server.process.poll() is None and server.process.kill())
        server.wait_ready()
        os.close(reading)
        server.stderr_file.close()
        with Client(server.endpoint) as client:
            client.socket.send_multipart([b"one", b"frame", b"too many"])  # which is logged
            results = client.ask(stream.submit(1, 0, 5))["results"]
        self.assertEqual(["decided"] * 5, [result["status"] for result in results])
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, server.process.wait(60))
        server.process.stdout.close()

    def test_a_closed_stdout_is_no_file_to_write_into(self):
        self.ingest(100)
        done = subprocess.run(["bash", "-c", f"'{VIGIL}' query --data '{self.data}' status >&-"], stderr=subprocess.PIPE,
                              text=True, timeout=60)
        self.assertEqual(1, done.returncode)
        self.assertIn("Bad file descriptor", done.stderr)


if __name__ == "__main__":
    main()
