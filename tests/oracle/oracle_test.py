#!/usr/bin/env python3
"""oracle_test.py handbook|sparkov plain|cut|server: all rows x all columns of a data set, by one way in.

plain   embedded ingest of the .zst file
cut     the same, killed with SIGKILL at random (seeded) moments and resumed by the same command
server  through `vigil serve` and `vigil ingest --connect`
"""

import random
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import datasets
import check_handbook
import check_sparkov
from compare import Mismatch, open_csv

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from harness import SKIPPED, VIGIL, Server, vigil, vigil_json  # noqa: E402

CHECKS = {"handbook": check_handbook.check, "sparkov": check_sparkov.check}
CUTS = 6
SEED = 20261121
HANDBOOK_EPOCH = datetime(2018, 4, 1, tzinfo=timezone.utc)


def ingest_arguments(data_set, raw, *target):
    return "ingest", *target, "--map", data_set.map, "--features", data_set.features, raw


def ingest_plain(data_set, data):
    vigil(*ingest_arguments(data_set, data_set.raw, "--data", data), timeout=900)


def ingest_cut(data_set, data):
    """Each cut falls after a random time; the last run is left alone."""
    draw = random.Random(SEED)
    command = [VIGIL, *map(str, ingest_arguments(data_set, data_set.raw, "--data", data))]
    cuts = 0
    while cuts < CUTS:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            code = process.wait(timeout=draw.uniform(0.05, 0.9))
            if code != 0:
                raise Mismatch(f"a resumed ingest ended with {code} after {cuts} cuts")
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            cuts += 1
    if cuts < 2:
        raise Mismatch(f"the stream was cut only {cuts} times: nothing was tested")
    print(f"{data_set.name}: cut {cuts} times")
    vigil(*command[1:], timeout=900)


def ingest_server(data_set, data, raw=None):
    server = Server(data, "--features", data_set.features).wait_ready()
    try:
        vigil(*ingest_arguments(data_set, raw or data_set.raw, "--connect", server.endpoint), timeout=900)
    finally:
        code = server.stop()
    if code != 0:
        raise Mismatch(f"the server ended with {code}: {server.stderr()}")


WAYS = {"plain": ingest_plain, "cut": ingest_cut, "server": ingest_server}


def known_frauds(day_seconds=86_400, delay_days=7):
    """Frauds per day whose label became known before the stream ended."""
    rows = iter(open_csv(datasets.HANDBOOK.raw))
    next(rows)
    times = [(int(row[1]), row[5] == "1") for row in rows]
    end, days = times[-1][0], {}
    for seconds, fraud in times:
        day = seconds // day_seconds
        days[day] = days.get(day, 0) + (fraud and seconds + delay_days * day_seconds <= end)
    return days


def check_daily_stats(data):
    """The `aggregates` model by day against daily_stats, which another program computed."""
    rows = iter(open_csv(datasets.HANDBOOK_DAILY_STATS))
    names = next(rows)
    expected = {int(row[0]): dict(zip(names, map(int, row))) for row in rows}
    answer = vigil_json("query", "aggregates", "--data", data, "--granularity", "day")
    frauds, days = known_frauds(), 0
    for row in answer["rows"]:
        day = (datetime.fromisoformat(row["bucket"].replace("Z", "+00:00")) - HANDBOOK_EPOCH).days
        want = expected[day]
        pairs = [("transactions", "nb_tx"), ("amount_minor", "amount_cents"), ("active_customers", "nb_customers"),
                 ("active_merchants", "nb_terminals")]
        if frauds[day] == want["nb_fraud"]:  # all labels of this day are known
            pairs.append(("compromised_customers", "nb_compromised_cards"))
        for ours, theirs in pairs:
            if row[ours] != want[theirs]:
                raise Mismatch(f"day {day}: {ours} is {row[ours]}, {theirs} is {want[theirs]}")
        if row["frauds"] != frauds[day]:
            raise Mismatch(f"day {day}: {row['frauds']} frauds, {frauds[day]} labels were known by then")
        days += 1
    if days != len(frauds):
        raise Mismatch(f"aggregates have {days} days, the stream has {len(frauds)}")
    print(f"handbook: aggregates of all {days} days equal daily_stats")


def run(name, way):
    data_set = datasets.BY_NAME[name]
    if not data_set.present():
        print(f"SKIPPED: {data_set.raw} is not there, so the {name} oracle was not checked")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="vigil-oracle-") as directory:
        data, exported = Path(directory) / "data", Path(directory) / "features.csv"
        WAYS[way](data_set, data)
        vigil("export", "features", "--data", data, "--csv", exported)
        rows = sum(1 for _ in open(exported, encoding="utf-8")) - 1
        if rows != data_set.transactions:
            raise Mismatch(f"{rows} transactions were exported, the file has {data_set.transactions}")
        print("%s %s: all %d x %d values match" % (name, way, *CHECKS[name](exported)))
        if name == "handbook":
            check_daily_stats(data)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(*sys.argv[1:]))
    except Mismatch as mismatch:
        sys.exit(f"{' '.join(sys.argv[1:])}: {mismatch}")
