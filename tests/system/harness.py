"""Runs the real vigil binary for the system and oracle tests: embedded runs, servers, clients, kills."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import zmq

SKIPPED = 77  # ctest's SKIP_RETURN_CODE
VIGIL = os.environ.get("VIGIL", "build/vigil")
SOURCE = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
ANSWER_SECONDS = 60


def vigil(*arguments, code=0, timeout=300, cwd=None, prefix=()):
    """Runs one subcommand to its end and returns the finished process; `code` None accepts any exit code."""
    command = [*prefix, VIGIL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, errors="replace")
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(command)}\nexit code {done.returncode}, expected {code}\n"
                             f"stdout: {done.stdout[-2000:]}\nstderr: {done.stderr[-2000:]}")
    return done


def vigil_json(*arguments, **options):
    return json.loads(vigil(*arguments, "--json", **options).stdout)


def log_dump(data):
    """Every event of the log as a dict, in order."""
    lines = vigil("log", "dump", "--data", data, "--json", timeout=600).stdout.splitlines()
    return [json.loads(line) for line in lines]


class Server:
    """`vigil serve` on ports of the system's choosing. Always used with stop() or kill()."""

    def __init__(self, data, *options, prefix=(), env=None):
        self.stderr_file = tempfile.TemporaryFile()
        command = [*prefix, VIGIL, "serve", "--data", str(data), "--bind", "tcp://127.0.0.1:*",
                   "--publish", "tcp://127.0.0.1:*", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.stderr_file, text=True, env=env)

    def wait_ready(self):
        """Reads stdout up to the `ready:` line, which carries the endpoints."""
        for line in self.process.stdout:
            if line.startswith("ready:"):
                endpoints = re.findall(r"tcp://[0-9.]+:\d+", line)
                self.endpoint, self.publish_endpoint = endpoints[0], endpoints[1] if len(endpoints) > 1 else None
                return self
        raise AssertionError(f"the server ended with {self.process.wait()} before it was ready: {self.stderr()}")

    def stderr(self):
        if self.stderr_file.closed:
            return self.stderr_text
        self.stderr_file.seek(0)
        return self.stderr_file.read().decode(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def _reap(self, timeout):
        code = self.process.wait(timeout=timeout)
        self.process.stdout.close()
        self.stderr_text = self.stderr()
        self.stderr_file.close()
        return code

    def kill(self):
        self.process.kill()
        self._reap(30)

    def signal_stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=60):
        return self._reap(timeout)

    def stop(self):
        """SIGTERM, then the exit code."""
        if self.alive():
            self.signal_stop()
        return self.wait()


class Client:
    """A DEALER that speaks JSON; requests may be pipelined."""

    context = zmq.Context()

    def __init__(self, endpoint):
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(endpoint)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, message):
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, payload):
        self.socket.send(payload)

    def receive(self, seconds=ANSWER_SECONDS):
        """The next answer, or None when none came in time."""
        if not self.socket.poll(int(seconds * 1000)):
            return None
        return json.loads(self.socket.recv())

    def ask(self, message):
        self.send(message)
        return self.answer()

    def ask_bytes(self, payload):
        self.send_bytes(payload)
        return self.answer()

    def answer(self):
        answer = self.receive()
        if answer is None:
            raise AssertionError(f"no answer within {ANSWER_SECONDS} s")
        return answer


class SystemTest(unittest.TestCase):
    """A test with a directory of its own; servers started through it never outlive it."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="vigil-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = self.directory / "data"

    def serve(self, *options, data=None, **keywords):
        server = Server(data or self.data, *options, **keywords)
        self.addCleanup(lambda: server.alive() and server.kill())
        return server.wait_ready()

    def client(self, server):
        client = Client(server.endpoint)
        self.addCleanup(client.close)
        return client

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


def main():
    """Runs the tests of the calling file; skipped as a whole when every test of it was skipped."""
    program = unittest.main(exit=False, verbosity=2, argv=sys.argv)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0)
