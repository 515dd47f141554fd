#!/usr/bin/env python3
"""The same input gives the same events, models and exports: whatever the batch size, embedded or served."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from harness import Server, log_dump, vigil, vigil_json  # noqa: E402

BATCHES = (1, 37, 4096)
TRANSACTIONS = 20_000  # of a simulated stream with labels, home places and fraud, under the default rules
# What differs from run to run by its nature: when the log took an event, and where it came to stand.
RUN_FIELDS = ("ingest_time", "address", "links")
# Counts of models that depend on ingest times.
INGEST_TIME_MODELS = ("data_quality",)


def events(data):
    return [{key: value for key, value in event.items() if key not in RUN_FIELDS} for event in log_dump(data)]


def models(data):
    answer = vigil_json("rebuild", "--data", data)
    return {model["name"]: model["digest"] for model in answer["models"] if model["name"] not in INGEST_TIME_MODELS}


def serve(stream, data):
    server = Server(data).wait_ready()
    try:
        vigil("ingest", "--connect", server.endpoint, stream, timeout=600)
    finally:
        code = server.stop()
    if code != 0:
        raise AssertionError(f"the server ended with {code}: {server.stderr()}")


def observed(data, directory):
    exported = Path(directory) / "features.csv"
    vigil("export", "features", "--data", data, "--csv", exported)
    return {"events": events(data), "export": exported.read_bytes(), "models": models(data)}


def main():
    with tempfile.TemporaryDirectory(prefix="vigil-determinism-") as directory:
        stream, runs = Path(directory) / "stream.jsonl", {}
        vigil("simulate", "--transactions", TRANSACTIONS, "--seed", 5, "--out", stream)
        for batch in BATCHES:
            data = Path(directory) / f"batch{batch}"
            vigil("ingest", "--data", data, "--batch", batch, stream, timeout=600)
            runs[f"embedded, batch {batch}"] = observed(data, directory)
        data = Path(directory) / "served"
        serve(stream, data)
        runs["served"] = observed(data, directory)
        (first_name, first), *others = runs.items()
        types = {event["type"] for event in first["events"]}
        print(f"{len(first['events'])} events ({', '.join(sorted(types))}), models {sorted(first['models'])}")
        if not {"LabelReported", "AlertRaised", "CustomerUpdated"} <= types:
            print("the stream has no labels, alerts or updates: too little was compared")
            return 1
        failed = 0
        for name, run in others:
            for what in first:
                if run[what] != first[what]:
                    failed = 1
                    print(f"{what} differ between '{first_name}' and '{name}': {difference(first[what], run[what])}")
        return failed


def difference(a, b):
    if isinstance(a, list):
        for left, right in zip(a, b):
            if left != right:
                return f"{left}\n  {right}"
        return f"{len(a)} and {len(b)} events"
    return f"{a if isinstance(a, dict) else ''} {b if isinstance(b, dict) else ''}"


if __name__ == "__main__":
    sys.exit(main())
