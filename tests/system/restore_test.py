#!/usr/bin/env python3
"""The restore drill: backups of a server under load, a lost directory, a flipped bit, an archived log."""

import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from harness import SystemTest, VIGIL, main, vigil, vigil_json
from load import Load, models_equal_a_rebuild
import stream

PER_MESSAGE = 64
TRANSACTIONS = 40_000  # some 4 sealed segments of 4 MiB


def segments(directory, suffix=".seg"):
    return sorted(path for path in (directory / "log").iterdir() if path.name.endswith(suffix))


def flip_bit(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def said(what, seconds, detail=""):
    print(f"  drill: {what}: {seconds:.2f} s{detail}", flush=True)


class RestoreDrill(SystemTest):
    def setUp(self):
        super().setUp()
        self.backup = self.directory / "backup"

    def back_up_under_load(self, client, load):
        """Runs `vigil backup` while the load goes on; what was acknowledged when it began, and its report."""
        before = dict(load.acknowledged)
        began = time.monotonic()
        process = subprocess.Popen([VIGIL, "backup", "--data", self.data, "--to", self.backup, "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        load.run(client, load.next_unacknowledged + 100_000, lambda: process.poll() is not None)
        output, errors = process.communicate(timeout=120)
        self.assertEqual(0, process.returncode, errors)
        said("backup under load", time.monotonic() - began, f", {output.strip()}")
        load.take_what_came(client)

        return before, json.loads(output)

    def test_lost_directory_comes_back_with_all_that_was_acknowledged_before_the_backup(self):
        policy = self.write("policy.toml", stream.POLICY)
        options = ("--segment-mib", 4, "--policy", policy)
        server, load = self.serve(*options), Load(per_message=PER_MESSAGE, in_flight=8)
        client = self.client(server)
        load.run(client, 500)
        first, report = self.back_up_under_load(client, load)
        self.assertGreaterEqual(report["copied_segments"], 3)
        self.assertEqual(0, report["kept_segments"])
        times = {path.name: path.stat().st_mtime_ns for path in segments(self.backup)}

        load.run(client, load.next_unacknowledged + 300)
        acknowledged, report = self.back_up_under_load(client, load)
        self.assertGreater(len(acknowledged), len(first))
        self.assertGreaterEqual(report["kept_segments"], 2)
        kept = sorted(times)[:report["kept_segments"]]
        for name in kept:
            self.assertEqual(times[name], (self.backup / "log" / name).stat().st_mtime_ns, f"{name} was copied again")

        server.kill()
        began = time.monotonic()
        shutil.rmtree(self.data)
        restored = vigil_json("restore", "--from", self.backup, "--to", self.data)
        said("restore", time.monotonic() - began, f" for {restored['bytes']} bytes")
        self.assertEqual(report["position"], restored["position"])
        self.assertEqual(report["hash"], restored["hash"])
        server = self.serve(*options)
        said("wipe to ready", time.monotonic() - began, f" for {restored['position']} events")

        decided = {}
        for line in vigil("log", "dump", "--data", self.data, timeout=600).stdout.splitlines():
            found = re.match(r'\{"position":(\d+),"type":"TransactionDecided".*?"transaction_id":"([^"]+)"', line)
            if found:
                decided[found[2]] = int(found[1])
        for name, answer in acknowledged.items():
            self.assertEqual(answer["position"], decided.get(name), f"{name} was acknowledged before the backup")
        # The service goes on where the backup ended: what was in it is a repeat.
        again = Load(per_message=PER_MESSAGE, in_flight=8)
        repeats = self.client(server)
        again.run(repeats, 3)
        self.assertEqual(3 * PER_MESSAGE, again.found_recorded)
        self.assertEqual(0, server.stop())
        models_equal_a_rebuild(self.data)


class RestoreTools(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = Path(tempfile.mkdtemp(prefix="vigil-restore-"))
        cls.addClassCleanup(shutil.rmtree, cls.made, ignore_errors=True)
        vigil("simulate", "--transactions", TRANSACTIONS, "--out", cls.made / "in.jsonl")
        vigil("ingest", "--data", cls.made / "data", "--segment-mib", 4, cls.made / "in.jsonl", timeout=600)
        vigil("backup", "--data", cls.made / "data", "--to", cls.made / "backup")

    def setUp(self):
        super().setUp()
        self.backup = self.directory / "backup"
        shutil.copytree(self.made / "data", self.data)

    def head(self, data=None):
        return vigil_json("verify", "--data", data or self.data, timeout=600)["head_hash"]

    def test_flipped_bit_is_found_refused_and_repaired(self):
        whole = self.head()
        damaged = segments(self.data)[1]
        original = damaged.read_bytes()
        flip_bit(damaged, len(original) // 2)
        self.assertIn(damaged.name, vigil("verify", "--data", self.data, code=1).stderr)
        began = time.monotonic()
        output = vigil("log", "repair", "--data", self.data, "--from", self.made / "backup").stdout
        said("repair of one segment", time.monotonic() - began)
        self.assertIn(f"replaced {damaged.name}", output)
        self.assertIn(f"{damaged.name}.damaged", output)
        self.assertEqual(original, damaged.read_bytes())
        self.assertEqual(whole, self.head())
        self.assertIn("nothing was damaged",
                      vigil("log", "repair", "--data", self.data, "--from", self.made / "backup").stdout)

    def test_archived_log_answers_as_before(self):
        customer = re.search(r'"customer_id":"([^"]+)"', (self.made / "in.jsonl").read_text()[:100_000])[1]
        questions = [("query", "customer", customer, "--as-of", position, "--data", self.data, "--json")
                     for position in (2_000, 20_000, 35_000)]
        questions += [("export", "decisions", "--data", self.data, "--csv", "-"),
                      ("log", "dump", "--data", self.data, "--from", 5_000, "--to", 5_100)]
        answers = [vigil(*question).stdout for question in questions]
        whole = self.head()
        before = sum(path.stat().st_size for path in segments(self.data))
        began = time.monotonic()
        report = vigil_json("log", "archive", "--data", self.data)
        said("archive", time.monotonic() - began, f", {report}")
        self.assertGreaterEqual(report["archived"], 2)
        self.assertLess(report["bytes_after"] * 2, report["bytes_before"])
        self.assertEqual(report["archived"], len(segments(self.data, ".seg.zst")))
        for question, answer in zip(questions, answers):
            began = time.monotonic()
            self.assertEqual(answer, vigil(*question).stdout, question)
            said(" ".join(map(str, question[:3])) + " of the archived log", time.monotonic() - began)
        self.assertEqual(whole, self.head())
        stat = vigil_json("log", "stat", "--data", self.data)
        self.assertEqual(report["archived"], stat["archived"])
        server = self.serve("--segment-mib", 4)
        self.assertEqual(0, server.stop())
        models_equal_a_rebuild(self.data)
        # Backups take archives as they are; the log made from them is the same.
        vigil("backup", "--data", self.data, "--to", self.backup)
        restored = self.directory / "restored"
        vigil("restore", "--from", self.backup, "--to", restored)
        self.assertEqual(whole, self.head(restored))
        vigil("log", "unarchive", "--data", self.data)
        self.assertEqual([], segments(self.data, ".seg.zst"))
        self.assertEqual(before, sum(path.stat().st_size for path in segments(self.data)))
        self.assertEqual(whole, self.head())

    def test_archives_may_lie_in_another_directory(self):
        whole, cold = self.head(), self.directory / "cold"
        vigil("log", "archive", "--data", self.data, "--to", cold)
        self.assertTrue(all(path.is_symlink() for path in segments(self.data, ".seg.zst")))
        self.assertEqual(whole, self.head())
        archives = sorted(cold.iterdir())
        output = vigil("log", "unarchive", "--data", self.data).stdout
        self.assertIn(f"{len(archives)} archives stay where they are", output)
        self.assertIn(str(archives[0]), output)
        self.assertEqual(archives, sorted(cold.iterdir()))
        self.assertEqual([], segments(self.data, ".seg.zst"))
        vigil("log", "archive", "--data", self.data, "--to", cold)
        cold.rename(self.directory / "gone")
        self.assertIn("00000000000000000001.seg", vigil("verify", "--data", self.data, code=1).stderr)

    def test_restore_to_a_position_and_to_a_time(self):
        events = [line for line in vigil("log", "dump", "--data", self.data, "--from", 20_000, "--to", 20_000)
                  .stdout.splitlines()]
        taken = re.search(r'"ingest_time":"([^"]+)"', events[0])[1]
        for option, value in (("--position", 20_000), ("--time", taken)):
            with self.subTest(option=option):
                data = self.directory / option
                report = vigil_json("restore", "--from", self.made / "backup", "--to", data, option, value)
                self.assertGreater(report["position"], 10_000)
                self.assertLess(report["position"], TRANSACTIONS)
                if option == "--position":
                    self.assertLessEqual(report["position"], 20_000)
                else:
                    self.assertGreaterEqual(report["position"], 20_000)
                    self.assertLessEqual(report["ingest_time"], taken)
                self.assertEqual(report["hash"], self.head(data))
                vigil("rebuild", "--data", data)

    def test_mistakes_are_told_and_change_nothing(self):
        backup, whole = self.made / "backup", self.head()
        empty = self.directory / "empty"
        empty.mkdir()
        (self.directory / "mine").mkdir()
        (self.directory / "mine" / "notes.txt").write_text("mine")
        vigil("simulate", "--transactions", 100, "--out", self.directory / "other.jsonl")
        vigil("ingest", "--data", self.directory / "other", self.directory / "other.jsonl")
        for arguments, says in (
                (("backup", "--data", self.data, "--to", self.data / "backup"), "cannot be inside"),
                (("backup", "--data", self.data, "--to", self.directory), "nor hold it"),
                (("backup", "--data", self.data, "--to", self.directory / "mine"), "it holds 'notes.txt'"),
                (("backup", "--data", self.directory / "other", "--to", backup), "backup of another log"),
                (("backup", "--data", self.directory / "nowhere", "--to", empty), "no such data directory"),
                (("backup", "--data", self.data, "--to", "/proc/backup"), "/proc/backup"),
                (("restore", "--from", backup, "--to", self.data), "is not empty"),
                (("restore", "--from", empty, "--to", self.directory / "new"), "is no backup"),
                (("restore", "--from", backup, "--to", empty, "--position", 10**9), "is not in the backup"),
                (("restore", "--from", backup, "--to", empty, "--time", "1999-01-01"), "nothing was taken that early"),
                (("log", "repair", "--data", self.directory / "other", "--from", backup), "chain hashes do not agree"),
                (("log", "repair", "--data", self.data, "--from", empty), "is no backup"),
                (("log", "archive", "--data", self.directory / "nowhere"), "no such data directory"),
                (("log", "unarchive", "--data", self.directory / "nowhere"), "no such data directory")):
            with self.subTest(arguments=arguments):
                self.assertIn(says, vigil(*arguments, code=1).stderr)
        for arguments, says in (
                (("log", "archive", "--data", self.data, "--keep", 0), "give 1 or more"),
                (("restore", "--from", backup, "--to", empty, "--time", "soon"), "is not a time"),
                (("restore", "--from", backup, "--to", empty, "--time", "2026-01-01", "--position", 1), "excludes"),
                (("log", "dump", "--data", self.data, "--from", 9, "--to", 3), "is before --from")):
            with self.subTest(arguments=arguments):
                self.assertIn(says, vigil(*arguments, code=2).stderr)
        self.assertEqual(["notes.txt"], [path.name for path in (self.directory / "mine").iterdir()])
        self.assertEqual([], list(empty.iterdir()))
        self.assertEqual(whole, self.head())
        self.assertEqual(whole, self.head(backup))

    def test_lost_ends_are_told(self):
        """Of a backup, whose manifest knows how far it reached, and of a log, whose backup does."""
        shutil.copytree(self.made / "backup", self.backup)
        lost = segments(self.backup)[-1]
        lost.unlink()
        restored = self.directory / "restored"
        errors = vigil("restore", "--from", self.backup, "--to", restored, code=1).stderr
        self.assertIn(f"{lost}: damaged: it is missing, and the manifest names it", errors)
        self.assertFalse(restored.exists())
        segments(self.data)[-1].unlink()
        errors = vigil("log", "repair", "--data", self.data, "--from", self.made / "backup", code=1).stderr
        self.assertIn("lost its end", errors)


if __name__ == "__main__":
    main()
