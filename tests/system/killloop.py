#!/usr/bin/env python3
"""Kills the real server under load, again and again, and holds it to every answer it gave.

Each round starts `vigil serve` on the directory that the round before left, sends again what was never answered, goes
on with the streams of several clients, and ends at a random moment with kill -9: mostly under load, sometimes while
the server starts or stops; now and then it may stop in order. After every round, and for a whole directory from time
to time: no acknowledged decision is lost, moved or changed, none is made twice, and the read models are what a
rebuild from the log gives.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from harness import Client, Server
from load import Load, everything_is_there_once, models_equal_a_rebuild, run_together
import stream

CLIENTS = 4
PER_MESSAGE = 6
IN_FLIGHT = 12
LOAD_SECONDS_MAX = 0.12
STARTING_SECONDS_MAX = 0.1
STOPPING_SECONDS_MAX = 0.03
REPEATS_ASKED = 2  # messages of each client, at every start
ROUNDS_PER_DIRECTORY = 25  # restarting replays the log, so a new one is begun before it grows long
KINDS = {"under load": 82, "while starting": 9, "while stopping": 6, "not at all": 3}
PROGRESS_SECONDS = 10


class Figures:
    def __init__(self):
        self.rounds, self.directories, self.models, self.acknowledged, self.restarts = Counter(), 0, 0, 0, []
        self.torn, self.resubmitted, self.found_recorded, self.repeats = 0, 0, 0, 0

    def add_directory(self, loads, models):
        self.directories += 1
        self.models += models
        for load in loads:
            self.acknowledged += len(load.acknowledged)
            self.resubmitted += load.resubmitted
            self.found_recorded += load.found_recorded

    def lines(self, seconds):
        rounds = sum(self.rounds.values())
        killed = rounds - self.rounds["not at all"]
        yield f"{rounds:,} rounds in {seconds:,.0f} s ({rounds / seconds:.1f} a second), {killed:,} servers killed: " + \
            ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.rounds.items()) if kind != "not at all")
        yield f"{self.acknowledged:,} decisions acknowledged to {CLIENTS} clients in {self.directories:,} directories"
        yield f"{self.resubmitted:,} messages were never answered and sent again; {self.found_recorded:,} of their " \
              f"transactions had been recorded and were answered as repeats"
        yield f"{self.repeats:,} answers asked for again, all equal; {self.torn:,} torn tails cut; " \
              f"{self.models:,} read models compared with a rebuild"
        starts = sorted(self.restarts)
        yield f"a start took {1000 * starts[len(starts) // 2]:.0f} ms in the middle, {1000 * starts[-1]:.0f} ms at most"


class OneDirectory:
    """The servers that follow each other on one data directory, and what their clients remember."""

    def __init__(self, root, number, draw, figures):
        self.data, self.draw, self.figures = root / f"data-{number}", draw, figures
        self.policy = root / "policy.toml"
        self.policy.write_text(stream.POLICY)
        self.loads = [Load(seed, PER_MESSAGE, IN_FLIGHT) for seed in range(1, CLIENTS + 1)]

    def start(self):
        return Server(self.data, "--segment-mib", 4, "--policy", self.policy)

    def ready(self):
        began = time.monotonic()
        server = self.start()
        try:
            server.wait_ready()
        except BaseException:
            if server.alive():
                server.kill()
            raise
        self.figures.restarts.append(time.monotonic() - began)
        return server

    def round(self):
        kind = self.draw.choices(list(KINDS), list(KINDS.values()))[0]
        self.figures.rounds[kind] += 1
        if kind == "while starting":
            server = self.start()
            wait_at_most(server, self.draw.uniform(0, STARTING_SECONDS_MAX))
            server.kill()
            return
        self.under_load(kind)

    def under_load(self, kind):
        server = self.ready()
        clients = [Client(server.endpoint) for _ in self.loads]
        try:
            self.ask_again(clients)
            deadline = time.monotonic() + self.draw.uniform(0, LOAD_SECONDS_MAX)
            for load in self.loads:
                load.reconnect()
            run_together(self.loads, clients, lambda: time.monotonic() >= deadline)
            if kind != "under load":
                server.signal_stop()
                wait_at_most(server, self.draw.uniform(0, STOPPING_SECONDS_MAX) if kind == "while stopping" else 60)
            if kind == "not at all" and server.process.returncode != 0:
                raise AssertionError(f"the server was asked to stop and ended with {server.process.returncode}")
            server.process.kill()
            server.process.wait()
            for load, client in zip(self.loads, clients):
                load.take_what_came(client)
            self.figures.torn += "never acknowledged" in server.stderr()
        finally:
            server.kill()
            for client in clients:
                client.close()

    def ask_again(self, clients):
        for load, client in zip(self.loads, clients):
            done = load.next_unacknowledged
            asked = {self.draw.randrange(done) for _ in range(REPEATS_ASKED)} if done else ()
            load.repeats_equal_originals(client, asked)
            self.figures.repeats += len(asked) * PER_MESSAGE

    def settle(self):
        """Everything unacknowledged once more, every answer once more, and the log and models as a whole."""
        server = self.ready()
        clients = [Client(server.endpoint) for _ in self.loads]
        try:
            for load, client in zip(self.loads, clients):
                load.run(client, load.sent_ever)
                load.repeats_equal_originals(client, range(load.sent_ever))
                self.figures.repeats += load.sent_ever * PER_MESSAGE
            if (code := server.stop()) != 0:
                raise AssertionError(f"the server was asked to stop and ended with {code}: {server.stderr()}")
        finally:
            if server.alive():
                server.kill()
            for client in clients:
                client.close()
        everything_is_there_once(self.data, self.loads)
        self.figures.add_directory(self.loads, models_equal_a_rebuild(self.data))
        shutil.rmtree(self.data)


def wait_at_most(server, seconds):
    try:
        server.process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass


def say_progress(number, rounds, began):
    seconds = time.monotonic() - began
    left = seconds / number * (rounds - number)
    print(f"round {number:,} of {rounds:,}, {number / seconds:.1f} a second, {left / 60:.0f} min {left % 60:02.0f} s left",
          file=sys.stderr, flush=True)


def run(rounds, seed, root):
    draw, figures, directory = random.Random(seed), Figures(), None
    began = said = time.monotonic()
    for number in range(1, rounds + 1):
        try:
            directory = directory or OneDirectory(root, number, draw, figures)
            directory.round()
            if number % ROUNDS_PER_DIRECTORY == 0 or number == rounds:
                directory.settle()
                directory = None
        except Exception:
            print(f"killloop: violated in round {number} of seed {seed}; the directory is {root}", file=sys.stderr)
            raise
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            say_progress(number, rounds, began)
    for line in figures.lines(time.monotonic() - began):
        print(line)
    print(f"nothing acknowledged was lost, changed or doubled (seed {seed})")


def main():
    parser = argparse.ArgumentParser(prog="killloop", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100, help="servers to start (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and kinds of kills (default: %(default)s)")
    parser.add_argument("--scratch", type=Path, help="where the directories are made (default: the system's)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    root = Path(tempfile.mkdtemp(prefix="vigil-killloop-", dir=options.scratch))
    run(options.rounds, options.seed, root)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
