#!/usr/bin/env python3
"""The same input gives the same events, models and exports: whatever the batch size, embedded or served."""

import sys
import tempfile
from pathlib import Path

import datasets
from oracle_test import ingest_arguments, ingest_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from harness import SKIPPED, log_dump, vigil, vigil_json  # noqa: E402

BATCHES = (1, 37, 4096)
ROWS = 40_000  # of the stream: enough for labels (7 days) to arrive among transactions
# What differs from run to run by its nature: when the log took an event, and where it came to stand.
RUN_FIELDS = ("ingest_time", "address", "links")
# Counts of models that depend on ingest times.
INGEST_TIME_MODELS = ("data_quality",)


def events(data):
    return [{key: value for key, value in event.items() if key not in RUN_FIELDS} for event in log_dump(data)]


def models(data):
    answer = vigil_json("rebuild", "--data", data)
    return {model["name"]: model["digest"] for model in answer["models"] if model["name"] not in INGEST_TIME_MODELS}


def first_rows(data_set, directory):
    """The beginning of the stream as a plain file, so that three runs take seconds."""
    import compare
    rows = compare.open_csv(data_set.raw)
    path = Path(directory) / "head.csv"
    with open(path, "w", encoding="utf-8") as out:
        for _, row in zip(range(ROWS + 1), rows):
            out.write(",".join(row) + "\n")
    return path


def observed(data, directory):
    exported = Path(directory) / "features.csv"
    vigil("export", "features", "--data", data, "--csv", exported)
    return {"events": events(data), "export": exported.read_bytes(), "models": models(data)}


def main():
    data_set = datasets.HANDBOOK
    if not data_set.present():
        print(f"SKIPPED: {data_set.raw} is not there")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="vigil-determinism-") as directory:
        raw = first_rows(data_set, directory)
        runs = {}
        for batch in BATCHES:
            data = Path(directory) / f"batch{batch}"
            vigil(*ingest_arguments(data_set, raw, "--data", data), "--batch", batch, timeout=600)
            runs[f"embedded, batch {batch}"] = observed(data, directory)
        data = Path(directory) / "served"
        ingest_server(data_set, data, raw)
        runs["served"] = observed(data, directory)
        (first_name, first), *others = runs.items()
        print(f"{len(first['events'])} events, models {sorted(first['models'])}")
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
