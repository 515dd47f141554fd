"""Where the two oracle data sets lie, and which of our files describe them."""

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("VIGIL_ORACLE_DATA", HERE.parents[1].parent / "shared" / "data"))


@dataclass(frozen=True)
class DataSet:
    name: str
    raw: Path
    expected: Path
    transactions: int

    @property
    def map(self):
        return HERE / f"{self.name}.map.toml"

    @property
    def features(self):
        return HERE / f"{self.name}.features.toml"

    def present(self):
        return self.raw.exists() and self.expected.exists()


HANDBOOK = DataSet("handbook", DATA / "handbook/raw_d078_d135.csv.zst",
                   DATA / "handbook/expected_features_d115_d135.csv.zst", 555_712)
HANDBOOK_DAILY_STATS = DATA / "handbook/daily_stats.csv.zst"
SPARKOV = DataSet("sparkov", DATA / "sparkov/tx_2020-05_06.csv.zst", DATA / "sparkov/expected_2020-06.csv.zst",
                  148_553)
BY_NAME = {"handbook": HANDBOOK, "sparkov": SPARKOV}
