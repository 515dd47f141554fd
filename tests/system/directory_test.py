#!/usr/bin/env python3
"""Data directories that are missing, unwritable, locked, full, damaged or torn; ports in use."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from harness import Client, Server, SystemTest, log_dump, main, vigil, vigil_json
import stream

PER_MESSAGE = 10
DISK_MIB = 12


def segments(data):
    return sorted((data / "log").glob("*.seg"))


class Directory(SystemTest):
    def options(self):
        return "--segment-mib", 4, "--policy", self.write("policy.toml", stream.POLICY)

    def fill(self, messages=20, data=None):
        """A server with some decisions in it, stopped cleanly; returns their answers."""
        server = self.serve(*self.options(), data=data)
        with Client(server.endpoint) as client:
            results = []
            for number in range(messages):
                results += client.ask(stream.submit(number, number * PER_MESSAGE, PER_MESSAGE))["results"]
        self.assertEqual(0, server.stop(), server.stderr())
        return results

    def refused(self, *arguments, reason, prefix=()):
        """The command ends with 1 and one clear line on stderr that matches `reason`."""
        done = vigil(*arguments, code=1, prefix=prefix, timeout=60)
        self.assertRegex(done.stderr, reason)
        self.assertNotIn("terminate called", done.stderr)

    def serve_arguments(self, data, *more):
        return "serve", "--data", data, "--bind", "tcp://127.0.0.1:*", "--publish", "tcp://127.0.0.1:*", *more

    def test_a_missing_directory_is_named_by_every_reader(self):
        missing = self.directory / "nowhere"
        for arguments in (("verify",), ("rebuild",), ("log", "head"), ("query", "customer", "c1"),
                          ("export", "features", "--csv", self.directory / "x.csv"), ("quarantine", "list")):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, "--data", missing, reason=re.escape(str(missing)))
                self.assertFalse(missing.exists(), "a reader created the directory")

    def test_a_file_in_place_of_the_directory_is_refused(self):
        self.refused(*self.serve_arguments(self.write("data", "not a directory")), reason=str(self.data))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_an_unwritable_directory_is_refused(self):
        self.data.mkdir()
        os.chmod(self.directory, 0o755)
        os.chmod(self.data, 0o555)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.refused(*self.serve_arguments(self.data), prefix=nobody, reason=f"{self.data}.*[Pp]ermission denied")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount")
    def test_a_read_only_directory_is_refused_and_still_readable(self):
        self.fill()
        subprocess.run(["mount", "--bind", self.data, self.data], check=True)
        self.addCleanup(subprocess.run, ["umount", self.data], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", self.data], check=True)
        self.refused(*self.serve_arguments(self.data), reason="[Rr]ead-only")

    def test_a_locked_directory_is_refused_by_every_writer(self):
        self.fill()
        server = self.serve(*self.options())
        for arguments in (self.serve_arguments(self.data), ("rebuild", "--data", self.data)):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, reason=f"(?s){self.data}.*(lock|another process|in use)")
        self.assertEqual(0, server.stop())

    def test_a_port_in_use_is_refused(self):
        server = self.serve(*self.options())
        self.refused("serve", "--data", self.directory / "other", "--bind", server.endpoint, "--publish",
                     "tcp://127.0.0.1:*", reason=f"{server.endpoint}.*in use")
        self.assertTrue(server.alive())
        self.assertEqual(0, server.stop())

    def test_an_endpoint_that_is_none_is_refused(self):
        done = vigil("serve", "--data", self.data, "--bind", "nonsense", code=None)
        self.assertIn(done.returncode, (1, 2))
        self.assertIn("nonsense", done.stderr)

    def last_byte_of_events(self):
        """(segment, offset) of the last byte that is not zero: inside the last frame, or its hash."""
        last = [path for path in segments(self.data) if any(path.read_bytes()[4096:])][-1]
        return last, len(last.read_bytes().rstrip(b"\0")) - 1

    def flip(self, path, offset):
        content = bytearray(path.read_bytes())
        content[offset] ^= 0x20
        path.write_bytes(content)

    def test_a_flipped_byte_in_the_middle_is_refused_with_file_and_offset(self):
        self.fill()
        path = segments(self.data)[0]
        frames = [match.start() for match in re.finditer(b"VIGILFRM", path.read_bytes())]
        self.flip(path, frames[len(frames) // 2] + 200)  # inside its first event
        place = f"(?s){re.escape(path.name)}.*(offset|byte) [0-9]+"
        self.refused("verify", "--data", self.data, reason=place)
        before = path.read_bytes()
        self.refused(*self.serve_arguments(self.data), reason=place)
        self.assertEqual(before, path.read_bytes(), "a refused log was changed")

    def test_a_torn_tail_is_cut_and_reported_and_what_was_acknowledged_stays(self):
        results = self.fill()
        server = self.serve(*self.options())
        with Client(server.endpoint) as client:
            client.ask(stream.submit(1, 900, PER_MESSAGE))
            server.kill()
        for model in sorted(self.data.glob("models*")):
            subprocess.run(["rm", "-rf", model], check=True)  # else their checkpoint proves the tail was durable
        path, end = self.last_byte_of_events()
        self.flip(path, end - 40)  # in the hash that ends the last frame
        server = self.serve(*self.options())
        self.assertRegex(server.stderr(), "(?i)torn|cut")
        with Client(server.endpoint) as client:
            again = client.ask(stream.submit(1, 0, len(results)))["results"]
        self.assertEqual(0, server.stop())
        self.assertTrue(all(result["repeat"] for result in again))
        self.assertEqual([result["position"] for result in results], [result["position"] for result in again])

    def test_a_damaged_or_deleted_model_is_built_again(self):
        self.fill()
        digests = {model["name"]: model["digest"] for model in vigil_json("rebuild", "--data", self.data)["models"]}
        files = sorted(path for path in self.data.rglob("data.mdb"))
        self.assertGreater(len(files), 0)
        for path in files:
            path.write_bytes(b"\xa5" * path.stat().st_size)
        server = self.serve(*self.options())
        self.assertEqual(0, server.stop(), server.stderr())
        for model in vigil_json("rebuild", "--data", self.data)["models"]:
            self.assertTrue(model["equal"], model)
            self.assertEqual(digests[model["name"]], model["digest"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small disk")
    def test_a_full_disk_stops_the_server_and_loses_nothing_acknowledged(self):
        disk = self.directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        server, acknowledged = self.serve(*self.options(), data=disk / "data"), {}
        with Client(server.endpoint) as client:
            for number in range(100_000):
                client.send(stream.submit(number, number * 50, 50))
                answer = client.receive(10)
                if answer is None or "results" not in answer:
                    break
                acknowledged |= {result["transaction_id"]: result["position"] for result in answer["results"]}
        self.assertEqual(1, server.wait(), server.stderr())
        self.assertRegex(server.stderr(), "(?i)no space|full")
        self.assertGreater(len(acknowledged), 100)
        subprocess.run(["mount", "-o", f"remount,size={8 * DISK_MIB}m", disk], check=True)
        self.assertEqual(0, self.serve(*self.options(), data=disk / "data").stop())
        recorded = {event["transaction_id"]: event["position"]
                    for event in log_dump(disk / "data") if event["type"] == "TransactionDecided"}
        self.assertEqual(acknowledged, {key: recorded.get(key) for key in acknowledged})


if __name__ == "__main__":
    main()
