#!/usr/bin/env python3
"""What `vigil verify`, `vigil log head` and the scrub prove, and what they notice: bits flipped, logs cut and swapped."""

import json
import os
import re
import shutil
import time
import unittest

from harness import SystemTest, main, vigil, vigil_json

import stream

BLOCK = 4096
FRAME_HEADER = 120
FRAME_TRAILER = 48
SEGMENT_MIB = 4


def flip_bit(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


def frames(segment):
    """(offset, payload bytes, first position, events) of each frame of a segment, per docs/log-format.md."""
    data = segment.read_bytes()
    offset, found = BLOCK, []
    while data[offset:offset + 8] == b"VIGILFRM":
        number = lambda at, size: int.from_bytes(data[offset + at:offset + at + size], "little")
        payload = number(8, 4)
        found.append((offset, payload, number(24, 8), number(104, 4)))
        offset += -(-(FRAME_HEADER + payload + FRAME_TRAILER) // BLOCK) * BLOCK
    return found


class Proof(SystemTest):
    def ingest(self, first, count, seed=1, data=None):
        lines = "\n".join(json.dumps(stream.transaction(n, seed)) for n in range(first, first + count))
        source = self.write(f"in-{seed}-{first}.jsonl", lines + "\n")
        policy = self.write("policy.toml", stream.POLICY)
        vigil("ingest", "--data", data or self.data, "--policy", policy, "--segment-mib", SEGMENT_MIB, source)

    def segments(self):
        return sorted((self.data / "log").glob("*.seg"))

    def fails(self, *arguments, reason):
        done = vigil(*arguments, code=1, timeout=60)
        self.assertRegex(done.stderr + done.stdout, reason)
        return done

    def key(self, name="head.key"):
        path = self.directory / name
        public = self.directory / f"{name}.pub"
        public.write_text(vigil("log", "key", "--out", path).stdout)
        return path, public

    def head(self, name="head", *options):
        path = self.directory / name
        path.write_text(vigil("log", "head", "--data", self.data, *options).stdout)
        return path

    def test_a_whole_log_is_proved_and_damage_is_named_exactly(self):
        self.ingest(0, 20_000)
        found = vigil_json("verify", "--data", self.data, "--log", "--segments")
        self.assertGreaterEqual(found["segments"], 2)
        self.assertEqual(found["roots"][-1]["root"], found["head_hash"])
        self.assertFalse(found["roots"][-1]["sealed"])
        self.assertEqual(found["last"], found["roots"][-1]["last"])
        segment = self.segments()[0]
        offset, payload, position, _ = frames(segment)[1]
        flip_bit(segment, offset + FRAME_HEADER + payload // 2)
        self.fails("verify", "--data", self.data, reason=re.escape(
            f"{segment}: damaged at offset {offset} (position {position}): payload checksum mismatch"))
        later = vigil("verify", "--data", self.data, "--since", found["roots"][1]["first"])
        self.assertIn("the log is whole from position", later.stdout)

    def test_a_head_proves_that_nothing_was_cut_off(self):
        key, public = self.key()
        self.ingest(0, 300)
        first = self.head("first", "--key", key)
        self.ingest(300, 300)
        second = self.head("second", "--key", key)
        for head in (first, second):
            done = vigil("verify", "--data", self.data, "--log", "--head", head, "--key", public)
            self.assertIn("signed by key", done.stdout)
        segment = self.segments()[-1]
        offset, payload, position, _ = frames(segment)[-1]
        with open(segment, "r+b") as file:  # as if the last commit had never been
            file.seek(offset)
            file.write(bytes(-(-(FRAME_HEADER + payload + FRAME_TRAILER) // BLOCK) * BLOCK))
        vigil("verify", "--data", self.data, "--log")
        vigil("verify", "--data", self.data, "--log", "--head", first, "--key", public)
        self.fails("verify", "--data", self.data, "--log", "--head", second,
                   reason=f"it ends at position {position - 1}, the head has seen position .*cut off")

    def test_a_head_that_is_false_is_refused(self):
        key, public = self.key()
        _, stranger = self.key("other.key")
        self.ingest(0, 100)
        head = self.head("head", "--key", key)
        unsigned = self.head("unsigned")
        verify = ("verify", "--data", self.data, "--log")
        self.fails(*verify, "--head", head, "--key", stranger, reason="is signed by key .*, not by")
        self.fails(*verify, "--head", unsigned, "--key", public, reason="is not signed")
        self.assertIn("which nobody signed", vigil(*verify, "--head", unsigned).stdout)
        altered = json.loads(head.read_text())
        altered["position"] -= 1
        self.fails(*verify, "--head", self.write("altered", json.dumps(altered)), reason="the signature does not fit")
        for text, reason in (("", "is not the head of a log"), ("{}", "is not the head of a log"),
                             ('{"vigil_log_head":2}', "version 2"), ('{"vigil_log_head":1}', "'log_id' must be 32 hex")):
            self.fails(*verify, "--head", self.write("bad", text), reason=reason)
        self.assertIn("--head FILE is missing", vigil(*verify, "--key", public, code=2).stderr)
        shutil.rmtree(self.data)
        self.ingest(0, 100)
        self.fails(*verify, "--head", head, reason="its id is .*, the head's")

    def test_key_files_are_guarded(self):
        key, public = self.key()
        self.assertEqual(0o600, key.stat().st_mode & 0o777)
        self.assertEqual(82, len(key.read_text()) - len("\n"))
        self.fails("log", "key", "--out", key, reason="exists already; a key is never overwritten")
        self.ingest(0, 10)
        head = ("log", "head", "--data", self.data, "--key")
        os.chmod(key, 0o640)
        self.fails(*head, key, reason=r"\(mode 0640\); `chmod 600 ")
        os.chmod(key, 0o600)
        self.fails(*head, public, reason="others than its owner may use this key")
        os.chmod(public, 0o600)
        self.fails(*head, public, reason="is a public key, which cannot sign")
        self.fails(*head, self.directory / "none", reason="No such file or directory; `vigil log key --out FILE`")
        cut = self.write("cut", key.read_text()[:60])
        os.chmod(cut, 0o600)
        self.fails(*head, cut, reason="has 60 bytes, such a key file has 83")
        wrong = self.write("wrong", "vigil-signing-key " + "z" * 64 + "\n")
        os.chmod(wrong, 0o600)
        self.fails(*head, wrong, reason="holds other characters than 64 hexadecimal digits")

    def test_decisions_and_models_are_proved_beside_a_running_server(self):
        server = self.serve("--policy", self.write("policy.toml", stream.POLICY))
        with_client = self.client(server)
        for number in range(20):
            with_client.ask(stream.submit(number, number * 50, 50))
        found = vigil_json("verify", "--data", self.data, "--log", "--decisions", "--models")
        self.assertEqual(1000, found["decisions"]["decisions"])
        self.assertIsNone(found["decisions"]["first_difference"])
        self.assertGreaterEqual(len(found["models"]), 5)
        self.assertTrue(all(model["equal"] for model in found["models"]), found["models"])
        self.assertFalse((self.data / "verify-scratch").exists())
        head = self.head()
        with_client.ask(stream.submit(20, 1000, 50))
        vigil("verify", "--data", self.data, "--log", "--head", head)
        self.assertEqual(0, server.stop(), server.stderr())

    def test_a_model_of_another_history_is_named_with_both_digests(self):
        self.ingest(0, 200)
        other = self.directory / "other"
        shutil.copytree(self.data, other)
        self.ingest(200, 200, seed=1)
        self.ingest(200, 200, seed=2, data=other)
        vigil("verify", "--data", self.data, "--models")
        shutil.rmtree(self.data / "models")
        shutil.copytree(other / "models", self.data / "models")
        done = self.fails("verify", "--data", self.data, "--models",
                          reason="read model customer_profile at position .*: DIFFERS from the log at position")
        self.assertRegex(done.stdout, "its digest is [0-9a-f]{32}, folded again [0-9a-f]{32}")
        self.assertFalse((self.data / "verify-scratch").exists())

    def scrubbed(self, server):
        """The scrub's part of the status, once a full pass is done."""
        client = self.client(server)
        deadline = time.monotonic() + 240  # its thread steps back on a busy machine
        while time.monotonic() < deadline:
            scrub = client.ask({"op": "query", "id": 1, "query": "status"})["row"]["service"]["scrub"]
            if scrub["last_full_pass"] is not None:
                return scrub
        self.fail(f"no full pass of the scrub within four minutes: {scrub}")

    def test_the_scrub_raises_an_alarm_and_the_service_goes_on(self):
        self.ingest(0, 20_000)
        segment = self.segments()[0]
        end = frames(segment)[-1]
        self.assertGreater(segment.stat().st_size - end[0], 2 * BLOCK)
        flip_bit(segment, segment.stat().st_size - 100)  # behind all frames, where only a whole check looks
        server = self.serve("--scrub-rate", "4GiB")
        scrub = self.scrubbed(server)
        self.assertGreaterEqual(scrub["bytes"], segment.stat().st_size)
        self.assertEqual(1, scrub["damaged"])
        self.assertIn(str(segment), scrub["damage"])
        self.assertEqual("decided", self.client(server).ask(stream.submit(1, 20_000, 1))["results"][0]["status"])
        shown = vigil("query", "status", "--connect", server.endpoint).stdout
        self.assertRegex(shown, r"damage +" + re.escape(str(segment)))
        self.assertEqual(0, server.stop(), server.stderr())
        self.assertRegex(server.stderr(), r"\[error\] scrub: " + re.escape(str(segment)))
        flip_bit(segment, segment.stat().st_size - 100)
        (self.data / "scrub").unlink()
        server = self.serve("--scrub-rate", "4GiB")
        self.assertIsNone(self.scrubbed(server)["damage"])
        self.assertEqual(0, server.stop(), server.stderr())

    def test_the_scrub_can_be_turned_off(self):
        server = self.serve("--scrub-rate", 0)
        status = self.client(server).ask({"op": "query", "id": 1, "query": "status"})
        self.assertNotIn("scrub", status["row"]["service"])
        self.assertEqual(0, server.stop(), server.stderr())


if __name__ == "__main__":
    main()
