"""Names SQL that Spark lacks or reads otherwise than DuckDB, in models and singular tests of dbt.

What a dispatch macro writes is not seen: the stub of sqlfluff, which renders the files here as for
its own rules, leaves a call of the macro's name in its place.
"""

import re
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import sqlglot
from sqlfluff.core import FluffConfig, Linter
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

PROJECT = Path("dbt_project")  # below the working directory, as sqlfluff and its stub have it
# All that is neither a name nor a literal. These mean the same to both: tables made with them were
# compared (tests/journeys/test_spark.py), or they are standard SQL that was tried on both.
WORDS = """
( ) * + , - . / < <= <> = > >= ||
all and as asc between by case cross current desc distinct else end except exists false from full
group having in inner intersect is join last left like limit month not null nulls on or order over
partition preceding row rows select then true unbounded union using when where window with
bigint boolean date decimal double string timestamp
abs cast ceil coalesce count date_trunc exp extract greatest lag least max max_by min mod nullif
power rank round row_number split_part sqrt sum
"""
INSTEAD = {
    "::": "`cast(… as …)`",
    "arg_max": "`max_by`",
    "avg": "the macro `ratio` of sum and count",
    "concat": "`||`",
    "int": "`bigint`",
    "integer": "`bigint`",
    "interval": "the macro `add_hours`",
    "text": "`string`",
    "varchar": "`string`",
}
REMEDY = """\
What Spark lacks becomes a dispatch macro. A word that it reads as DuckDB does goes into WORDS of
.ci/portable_sql.py, once tests/journeys/test_spark.py has passed with it."""


def dispatched() -> dict[str, str]:
    """The dispatch macros that write an expression, each with its SQL for DuckDB."""
    macros = "\n".join(path.read_text() for path in sorted((PROJECT / "macros").glob("*.sql")))
    found = re.findall(r"macro default__(\w+)\(\w.*?%\}(.+?)\{%-? endmacro", macros, re.DOTALL)
    return {name: re.sub(r"\{\{.*?\}\}", "", body) for name, body in found}


def problems(sql: str, macros: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Yields offset and description of all that is not portable in rendered SQL."""
    try:
        duckdb = [tree for tree in sqlglot.parse(sql, read="duckdb") if tree]
    except SqlglotError as error:
        yield 0, f"SQLGlot cannot parse it as DuckDB's: {_first_line(error)}"
        return
    unknown = list(_unknown_words(sql, duckdb, macros))
    yield from unknown
    for node in (node for tree in duckdb for node in tree.walk()):
        if trap := _trap(node):
            yield _span(node)[0], f"`{_text(sql, node)}`: {trap}"
    try:
        spark = [tree for tree in sqlglot.parse(sql, read="spark") if tree]
    except SqlglotError as error:
        if not unknown:
            yield 0, f"SQLGlot cannot parse it as Spark's: {_first_line(error)}"
        return
    for node in (node for pair in zip(duckdb, spark, strict=True) for node in _differing(*pair)):
        if isinstance(node, exp.Ordered):
            meaning = "NULLs are last in DuckDB and first in Spark; add `nulls last`"
            yield _span(node)[0], f"`{_text(sql, node)}`: {meaning}"
        elif not unknown:  # else it is one of them that is read otherwise
            yield _span(node)[0], f"`{_text(sql, node)}`: means something else in Spark, or nothing"


def _unknown_words(
    sql: str, trees: list[exp.Expr], macros: dict[str, str]
) -> Iterator[tuple[int, str]]:
    known = {*WORDS.split(), *macros}
    names = {_span(name)[0] for tree in trees for name in tree.find_all(exp.Identifier)}
    tokens = sqlglot.tokenize(sql, read="duckdb")
    for token, following in zip_longest(tokens, tokens[1:]):
        word = token.text.lower()
        if token.token_type == TokenType.IDENTIFIER:
            yield token.start, f'`"{token.text}"`: a text in Spark; write a name without quotes'
        elif token.start in names or token.token_type in (TokenType.NUMBER, TokenType.STRING):
            continue
        elif word == "decimal" and (following is None or following.text != "("):
            yield token.start, "`decimal`: (18, 3) in DuckDB, (10, 0) in Spark; write its digits"
        elif not set(word.split()) <= known:
            whole = re.compile(rf"(?<![\w/]){re.escape(word)}(?![\w/])")
            having = [f"the macro `{name}`" for name, body in macros.items() if whole.search(body)]
            remedy = INSTEAD.get(word) or " or ".join(having)
            use = f"; use {remedy}" if remedy else ""
            yield token.start, f"`{word}`: not known to mean the same in Spark{use}"


def _trap(node: exp.Expr) -> str | None:
    """What Spark reads in the same way, with another result."""
    if isinstance(node, exp.Div):
        if _is_decimal(node.left) or _is_decimal(node.right):
            return "Spark divides decimals as decimals; divide floats (`2.5e0`, macro `ratio`)"
        if _may_be_zero(node.right) and not node.find_ancestor(exp.Case):
            return "Spark fails where it divides by zero; use the macro `ratio` or `nullif(…, 0)`"
    if isinstance(node, exp.Cast) and node.to.is_type("bigint", "decimal"):
        quotient = node.this.unnest()
        if isinstance(quotient, exp.Div) and not isinstance(quotient.left, exp.Round):
            return "Spark rounds a quotient otherwise; use `round` or the macro `as_decimal`"
    if isinstance(node, exp.Round) and node.args.get("decimals"):
        casts = node.find_all(exp.Cast)
        if not any(cast.to.is_type("decimal") for cast in casts):
            return "Spark rounds a float otherwise; use the macro `rounded`, or cast a decimal"
    if isinstance(node, exp.Distinct) and node.args.get("on"):
        return "Spark has no `distinct on`; use `row_number()`"
    if isinstance(node, exp.Order) and isinstance(node.parent, exp.AggFunc):
        return "Spark has no order within an aggregate"
    return None


def _is_decimal(operand: exp.Expr) -> bool:
    operand = operand.unnest()
    if isinstance(operand, exp.Cast):
        return bool(operand.to.is_type("decimal"))
    return isinstance(operand, exp.Literal) and bool(re.fullmatch(r"\d*\.\d*", operand.name))


def _may_be_zero(divisor: exp.Expr) -> bool:
    """A literal is not, nor what `nullif` guards; a sum is taken for one of a positive number."""
    while isinstance(divisor, exp.Paren | exp.Cast):
        divisor = divisor.this
    return not isinstance(divisor, exp.Literal | exp.Nullif | exp.Add)


def _differing(duckdb: exp.Expr, spark: exp.Expr) -> Iterator[exp.Expr]:
    """Yields the smallest nodes that the two dialects do not read alike."""
    if isinstance(duckdb, exp.DataType):  # the same words; a `timestamp` is UTC's in both
        return
    if not isinstance(spark, type(duckdb)):  # Spark's cast is a TryCast, which is a Cast
        yield duckdb
        return
    for key in duckdb.args | spark.args:
        values = duckdb.args.get(key), spark.args.get(key)
        for pair in zip_longest(*(each if isinstance(each, list) else [each] for each in values)):
            if all(isinstance(each, exp.Expr) for each in pair):
                yield from _differing(*pair)
            elif (pair[0] or None) != (pair[1] or None):
                yield duckdb


def _span(node: exp.Expr) -> tuple[int, int]:
    """Where a node stands, or what holds it: not every node has kept its place."""
    places = [each.meta for each in node.walk() if "start" in each.meta]
    if not places:
        return _span(node.parent) if node.parent else (0, 0)
    return min(each["start"] for each in places), max(each["end"] for each in places) + 1


def _text(sql: str, node: exp.Expr) -> str:
    text = " ".join(sql[slice(*_span(node))].split())
    return text if len(text) < 60 else f"{text[:59]}…"


def _first_line(error: SqlglotError) -> str:
    return str(error).partition("\n")[0]


def findings(path: str, linter: Linter, macros: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    """Yields line, column and description of all that is not portable in a file."""
    rendered = linter.render_string(Path(path).read_text(), path, linter.config, "utf-8")
    for failure in rendered.templater_violations:
        yield failure.line_no, failure.line_pos, failure.desc()
    for variant in rendered.templated_variants:
        for start, problem in problems(str(variant), macros):
            source = variant.templated_slice_to_source_slice(slice(start, start + 1))
            yield *variant.get_line_pos_of_char_pos(source.start), problem


def main(paths: list[str]) -> int:
    """Prints what is not portable in files, or in the whole project; returns the exit code."""
    linter, macros = Linter(config=FluffConfig.from_root()), dispatched()
    folders = (PROJECT / "models", PROJECT / "tests")
    paths = paths or sorted(str(path) for folder in folders for path in folder.rglob("*.sql"))
    found = [(path, *each) for path in paths for each in sorted({*findings(path, linter, macros)})]
    for path, line, column, problem in found:
        print(f"{path}:{line}:{column}: {problem}")
    if found:
        print(REMEDY)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
