"""The tables of growth: costs in proportion have the exponent 1, the costliest come first."""

from tests.benchmarks.growth import Cost, table


def test_cost_in_proportion_has_the_exponent_1() -> None:
    costs = [
        Cost("stage", "land", 1_000, 2.0, 100.0),
        Cost("stage", "land", 10_000, 20.0, 150.0),
        Cost("stage", "ml", 1_000, 3.0, 300.0),
        Cost("stage", "ml", 10_000, 300.0, 1234.0),
    ]
    head, _, *rows = table(costs, "stage", "stage")
    assert head.count("pledges") == 2
    assert rows == [
        "| land | 2.0 | 20.0 | 1.00 | 150 |",
        "| ml | 3.0 | 300.0 | 2.00 | 1,234 |",
    ]


def test_costliest_tables_come_first() -> None:
    costs = [
        Cost("model", name, pledges, cpu * pledges / 1_000, None)
        for pledges in (1_000, 10_000)
        for name, cpu in (("core.cheap", 1.0), ("core.dear", 5.0))
    ]
    _, _, *rows = table(costs, "model", "table")
    assert rows == ["| `core.dear` | 5.0 | 50.0 | 1.00 |", "| `core.cheap` | 1.0 | 10.0 | 1.00 |"]
