#!/usr/bin/env python3
"""The real server when the disk fails, fills up or becomes read-only, when the clock jumps, and when another writer
comes: nothing acknowledged is lost, nothing is acknowledged before it is durable, and nothing is tried again.

Errors come from a library that is loaded in front of the C library's (fault_shim.cpp), and from real file systems
where the test may mount one."""

import errno
import mmap
import os
import shutil
import struct
import subprocess
import time
import unittest
from pathlib import Path

from harness import Client, SystemTest, log_dump, main, vigil
from load import Load, everything_is_there_once, models_equal_a_rebuild, run_together
import stream

SHIM = os.environ.get("VIGIL_FAULT_SHIM", "build/libfault_shim.so")
SEGMENT = r"/log/[0-9]{20}\.seg"
CLIENTS = 3
DISK_MIB = 12
IMAGE_MIB = 64
HOUR_US = 3_600_000_000
NEEDS_LOOP = unittest.skipUnless(shutil.which("mkfs.ext4") and Path("/dev/loop-control").exists(),
                                 "NOT TESTED: a file system in a file needs mkfs.ext4 and loop devices")
NEEDS_ROOT = unittest.skipUnless(os.geteuid() == 0, "NOT TESTED: mounting a file system needs root")


class Faults:
    """The numbers that this test and fault_shim.cpp share, in the order of its `Shared`."""
    FIELDS = ("sync_errno", "lose", "write_errno", "short_writes", "clock_step_us", "sync_is_lie",
              "failed", "syncs", "touched_since", "past_cache", "durable", "positions_sent", "too_early")

    def __init__(self, path):
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file:
            object.__setattr__(self, "memory", mmap.mmap(file.fileno(), 4096))
        if not Path(SHIM).exists():
            raise AssertionError(f"{SHIM} is missing; set VIGIL_FAULT_SHIM to the built library")
        object.__setattr__(self, "environment",
                           os.environ | {"LD_PRELOAD": str(Path(SHIM).resolve()), "VIGIL_FAULTS": str(path)})

    def __getattr__(self, name):
        return struct.unpack_from("q", self.memory, 8 * self.FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self.memory, 8 * self.FIELDS.index(name), value)


class Failure(SystemTest):
    def setUp(self):
        super().setUp()
        self.loads = [Load(seed, 5, 16) for seed in range(1, CLIENTS + 1)]
        self.started = 0

    def start(self, data=None):
        """A server under its own faults, connected to every client."""
        self.started += 1
        self.faults = Faults(self.directory / f"faults-{self.started}")
        policy = self.write("policy.toml", stream.POLICY)
        server = self.serve("--segment-mib", 4, "--policy", policy, data=data, env=self.faults.environment)
        self.clients = [self.client(server) for _ in self.loads]
        for load in self.loads:
            load.reconnect()
        return server

    def run_until(self, enough):
        deadline = time.monotonic() + 60
        run_together(self.loads, self.clients, lambda: enough() or time.monotonic() > deadline)
        self.assertTrue(enough(), "no progress within a minute")

    def acknowledged(self):
        return sum(len(load.acknowledged) for load in self.loads)

    def run_for_answers(self, more):
        wanted = self.acknowledged() + more
        self.run_until(lambda: self.acknowledged() >= wanted)

    def keep_sending_until_it_ends(self, server):
        """What every client hears from now on: decisions, then `outcome_unknown`, then nothing. Their number."""
        unknown, closed = 0, [False] * len(self.clients)
        deadline = time.monotonic() + 60
        while server.alive() and time.monotonic() < deadline:
            for index, (load, client) in enumerate(zip(self.loads, self.clients)):
                if not closed[index]:
                    load.top_up(client, 1 << 60)
                unknown += self.take_all(load, client, closed, index, 0.002)
        self.assertFalse(server.alive(), "the server goes on although its log failed")
        for index, (load, client) in enumerate(zip(self.loads, self.clients)):
            unknown += self.take_all(load, client, closed, index, 0.05)
        return unknown

    def take_all(self, load, client, closed, index, seconds):
        unknown = 0
        while (answer := client.receive(seconds)) is not None:
            if answer.get("status") == "outcome_unknown":
                unknown += 1
                closed[index] = True
            else:
                self.assertFalse(closed[index], f"{answer} came after `outcome_unknown`")
                load.take(answer)
        return unknown

    def ends_with_one_clear_line(self, server, words):
        self.assertEqual(1, server.wait(), server.stderr())
        self.assertRegex(server.stderr(), words)
        self.assertNotIn("terminate called", server.stderr())

    def everything_acknowledged_is_there(self, data=None):
        """On a healthy machine: what was acknowledged is answered as before, what was not is taken now."""
        server = self.start(data)
        for load, client in zip(self.loads, self.clients):
            load.run(client, load.sent_ever)
            load.repeats_equal_originals(client, range(load.sent_ever))
        self.assertEqual(0, server.stop(), server.stderr())
        everything_is_there_once(data or self.data, self.loads)
        models_equal_a_rebuild(data or self.data)

    def the_log_is_poisoned(self, server, words):
        """Waiters hear of it, nothing is tried again, the process ends with 1, and nothing acknowledged is lost."""
        self.assertGreater(self.keep_sending_until_it_ends(server), 0, "nobody heard `outcome_unknown`")
        self.ends_with_one_clear_line(server, words)
        self.assertEqual(1, self.faults.failed)
        self.assertEqual(0, self.faults.touched_since, "the log was written to or synced after its failure")
        self.assertFalse((self.data / "log" / "CLEAN").exists(), "a log that failed was not closed in order")
        self.reads_go_on()

    def reads_go_on(self):
        positions = {event["transaction_id"]: event["position"]
                     for event in log_dump(self.data) if event["type"] == "TransactionDecided"}
        for load in self.loads:
            for transaction_id, answer in load.acknowledged.items():
                self.assertEqual(answer["position"], positions.get(transaction_id))

    def test_a_failed_sync_is_told_and_never_tried_again(self):
        server = self.start()
        self.run_for_answers(300)
        self.faults.sync_errno = errno.EIO
        self.the_log_is_poisoned(server, SEGMENT + r": sync: Input/output error")
        self.everything_acknowledged_is_there()
        self.assertGreater(self.faults.past_cache, 0, "the next writer trusts the page cache")

    def test_a_sync_that_fails_once_and_loses_the_data_loses_nothing_acknowledged(self):
        server = self.start()
        self.run_for_answers(300)
        self.faults.lose = 1
        self.faults.sync_errno = errno.EIO
        self.the_log_is_poisoned(server, SEGMENT + r": sync: Input/output error")
        self.everything_acknowledged_is_there()

    def test_a_failed_write_is_told_and_what_it_left_is_cut(self):
        server = self.start()
        self.run_for_answers(300)
        self.faults.write_errno = errno.EIO
        self.the_log_is_poisoned(server, SEGMENT + r": write: Input/output error")
        self.everything_acknowledged_is_there()

    def test_a_full_disk_at_a_write_is_told(self):
        server = self.start()
        self.run_for_answers(300)
        self.faults.write_errno = errno.ENOSPC
        self.the_log_is_poisoned(server, SEGMENT + r": write: No space left on device; free some room on this disk")
        self.everything_acknowledged_is_there()

    def test_a_disk_that_becomes_read_only_is_told(self):
        server = self.start()
        self.run_for_answers(300)
        self.faults.write_errno = errno.EROFS
        self.the_log_is_poisoned(server, SEGMENT + r": write: Read-only file system")
        self.everything_acknowledged_is_there()

    def test_short_writes_are_continued(self):
        server = self.start()
        self.run_for_answers(100)
        self.faults.short_writes = 40
        self.run_until(lambda: self.faults.short_writes == 0)
        self.run_for_answers(100)
        self.assertEqual(0, self.faults.failed)
        server.kill()
        for load, client in zip(self.loads, self.clients):
            load.take_what_came(client)
        self.everything_acknowledged_is_there()

    def test_no_reply_leaves_before_its_sync_returned(self):
        server = self.start()
        self.run_for_answers(2100)  # those of the last send may have come before they are counted
        self.assertGreater(self.faults.syncs, 20)
        self.assertGreaterEqual(self.faults.positions_sent, 2000)
        self.assertEqual(0, self.faults.too_early)
        # The witness itself: with syncs that do not count, the very same replies are too early.
        self.faults.sync_is_lie = 1
        self.run_for_answers(1000)
        self.assertGreater(self.faults.too_early, 0, "the check cannot fail")
        server.kill()

    def test_a_clock_that_jumps_back_does_not_turn_the_log_around(self):
        server = self.start()
        self.run_for_answers(100)
        for step in (-HOUR_US, 2 * HOUR_US, -9 * HOUR_US):
            self.faults.clock_step_us = step
            self.run_for_answers(100)
        server.kill()
        for load, client in zip(self.loads, self.clients):
            load.take_what_came(client)
        self.everything_acknowledged_is_there()  # with the true time, two hours behind what the log has seen
        times = [event["ingest_time"] for event in log_dump(self.data)]
        self.assertEqual(times, sorted(times))
        self.assertGreater(len(set(times)), 1)

    def test_a_second_writer_is_refused_while_the_first_goes_on(self):
        server = self.start()
        self.run_for_answers(100)
        lock = (rf"{self.data}/(log/LOCK: locked: another Vigil process writes here; stop it first|"
                "models: the read models are in use by another process; stop it)")
        for command in (("serve", "--data", self.data, "--bind", "tcp://127.0.0.1:*", "--publish", ""),
                        ("rebuild", "--data", self.data)):
            done = vigil(*command, code=1, timeout=60)
            self.assertRegex(done.stderr, lock)
            self.run_for_answers(100)
        self.assertEqual(0, self.faults.failed)
        self.assertTrue(server.alive())
        server.kill()
        for load, client in zip(self.loads, self.clients):
            load.take_what_came(client)
        self.everything_acknowledged_is_there()

    @NEEDS_ROOT
    def test_a_full_file_system_loses_nothing_acknowledged_and_goes_on_with_more_room(self):
        disk = self.mounted("-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs")
        self.data = disk / "data"
        server = self.start()
        self.assertGreater(self.keep_sending_until_it_ends(server), 0, "nobody heard `outcome_unknown`")
        self.ends_with_one_clear_line(server, "No space left on device; free some room on this disk and start again")
        self.assertGreater(self.acknowledged(), 1000)
        self.reads_go_on()
        subprocess.run(["mount", "-o", f"remount,size={8 * DISK_MIB}m", disk], check=True)
        self.everything_acknowledged_is_there()

    @NEEDS_ROOT
    @NEEDS_LOOP
    def test_a_file_system_that_turns_read_only_while_running_loses_nothing_acknowledged(self):
        image = self.directory / "image"
        with open(image, "wb") as file:
            file.truncate(IMAGE_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        disk = self.mounted("-o", "loop,errors=remount-ro", image)
        self.data = disk / "data"
        server = self.start()
        self.run_for_answers(300)
        device = Path(subprocess.run(["findmnt", "-n", "-o", "SOURCE", disk], check=True, capture_output=True,
                                     text=True).stdout.strip())
        # As after an error in its metadata: the kernel turns the mounted file system read-only.
        Path(f"/sys/fs/ext4/{device.name}/trigger_fs_error").write_text("1")
        self.assertGreater(self.keep_sending_until_it_ends(server), 0, "nobody heard `outcome_unknown`")
        self.ends_with_one_clear_line(server, r"/log/[^:]*: (write|sync|open|create|allocate): "
                                              "(Read-only file system|Input/output error)")
        refused = vigil("serve", "--data", self.data, "--bind", "tcp://127.0.0.1:*", code=1, timeout=60)
        self.assertRegex(refused.stderr, "Read-only file system|Input/output error")
        subprocess.run(["umount", disk], check=True)
        subprocess.run(["e2fsck", "-fy", image], check=False, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, disk], check=True)
        self.everything_acknowledged_is_there()

    def mounted(self, *how):
        disk = self.directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", *map(str, how), disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        return disk


if __name__ == "__main__":
    main()
