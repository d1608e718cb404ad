"""Run by a Python that has NannyML: in which share of the given runs does its default alarm?"""

import sys
from pathlib import Path

import nannyml
import pandas as pd


def main() -> None:
    """Reads pairs of Parquet files from the folder, prints the share of pairs with any alert."""
    alarmed = []
    for reference in sorted(Path(sys.argv[1]).glob("*.reference.parquet")):
        before = pd.read_parquet(reference)
        now = pd.read_parquet(str(reference).replace(".reference.", ".current."))
        calculator = nannyml.UnivariateDriftCalculator(column_names=list(before.columns))
        result = calculator.fit(before).calculate(now).filter(period="analysis").to_df()
        alerts = [column for column in result.columns if column[-1] == "alert"]
        alarmed.append(bool(result[alerts].to_numpy().any()))
    print(sum(alarmed) / len(alarmed))


if __name__ == "__main__":
    main()
