"""The plan: the stages in order, what each reads, how it is run, and what it leaves behind."""

import json
import os
import platform
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pipeline.digests import MISSING, Digests, of_text, stamp
from pipeline.paths import DBT_PROJECT, PROJECT, Paths
from pipeline.settings import Settings

Command = list[str]  # a module and its arguments, as `python -m` takes them
Values = dict[str, str]  # by name: a digest, or a setting as it was given


@dataclass(frozen=True)
class Context:
    """What the stages of one run share."""

    settings: Settings
    paths: Paths
    digests: Digests
    run_id: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def raw_folder(self) -> Path:
        """The folder of raw files: an export, or the generated platform."""
        if self.settings["DATA"]:
            return Path(self.settings["DATA"]).resolve()
        return self.paths.root / "generated" / self.settings.platform

    def code(self, *patterns: str) -> str:
        """The digest of the project's files that match; compiled and hidden ones are left out."""
        found = {
            path
            for pattern in patterns
            for path in PROJECT.glob(pattern)
            if path.suffix in (".py", ".toml", ".sql", ".jinja", ".md", ".yml", ".css", ".js")
        }
        return self.digests.of_files(found, below=PROJECT)

    @cached_property
    def packages(self) -> str:
        """The digest of Python's version and of the names and versions of installed packages."""
        installed = os.listdir(sysconfig.get_path("purelib"))
        return of_text(
            platform.python_version(),
            *sorted(name for name in installed if name.endswith(".dist-info")),
        )


class Stage(NamedTuple):
    """One stage of the plan.

    Attributes:
        name: Its name on the command line.
        reads: What it depends on beside the stage before it, by name.
        commands: How it is run; all in one process. None are needed where there is nothing to do.
        writes: Digests of the files that it leaves, by name: one that has been changed or removed
            since is made again.
        is_in_database: Whether it changes the build database. Such stages build on each other:
            when one is due, so are those after it.
        if_refused: What shows people why it refused.
    """

    name: str
    reads: Callable[[Context], Values]
    commands: Callable[[Context], list[Command]]
    writes: Callable[[Context], Values] = lambda _: {}
    is_in_database: bool = True
    if_refused: Callable[[Context], list[Command]] = lambda _: []


def landed_values(context: Context) -> Values:
    """What landing left, whoever landed it when; missing if a part of it cannot be read."""
    paths, digests = context.paths, context.digests
    seeds = paths.landed / "seeds"
    try:
        landed = json.loads((paths.landed / "landed.json").read_text(encoding="utf-8"))
        large, as_of = landed["tables"].values(), landed.get("as_of")
        # landing's own row also names its run, so what it says counts, not its bytes
        if not (paths.landed / "landing.parquet").is_file():
            row = (seeds / "landing.csv").read_text(encoding="utf-8").splitlines()[-1]
            as_of = row.split(",")[0]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {"landed": MISSING}
    files = [each for each in seeds.glob("*") if each.name != "landing.csv"]
    others = [*(paths.landed / "macros").glob("*"), paths.landed / "quarantined_rows.parquet"]
    small = digests.of_files([*files, *others], below=paths.landed)
    return {
        "landed": of_text(str(as_of), small, digests.of_files(map(Path, large), below=paths.root))
    }


def _generate(context: Context) -> list[Command]:
    settings = context.settings
    return [
        [
            *("generator", "--scale", settings["SCALE"], "--seed", settings["SEED"]),
            *("--scenario", settings["SCENARIO"], "--format", settings.file_format),
            *("--out", str(context.raw_folder)),
        ]
    ]


def _land(context: Context) -> list[Command]:
    settings = context.settings
    return [
        [
            *("expectations.landing", "--data", str(context.raw_folder)),
            *("--warehouse", str(context.paths.root), "--as-of", settings["AS_OF"]),
            *("--on-bad-rows", settings["ON_BAD_ROWS"], "--run-id", context.run_id),
            # dbt-spark would turn the decimals of a seed into floats and cut its timestamps
            *(("--without-seeds",) if settings["TARGET"] == "spark" else ()),
        ]
    ]


def _validate(context: Context) -> list[Command]:
    paths = context.paths
    return [
        [
            *("expectations.validation", "--db", str(paths.build)),
            *("--published", str(paths.published), "--warehouse", str(paths.root)),
            *("--run-id", context.run_id),
            *(() if context.settings["AS_OF"] else ("--default-as-of",)),
        ]
    ]


def ml(context: Context, *stages: str) -> Command:
    """The command of stages of ml; in one process, since scikit-learn is slow to import."""
    paths, settings = context.paths, context.settings
    # resolved here: the process of the stage runs in the project's folder
    truth = ("--truth", str(Path(settings["TRUTH"]).resolve())) if settings["TRUTH"] else ()
    arguments = ("--db", str(paths.build), "--models", str(paths.models))
    return ["ml", *stages, *arguments, "--run-id", context.run_id, *truth]


def _online(context: Context) -> list[Command]:
    log = context.paths.online
    if not any(log.glob("*.jsonl*")):
        return []
    paths = ("--db", str(context.paths.build), "--log", str(log))
    return [["ml.serving.collect", *paths, "--run-id", context.run_id]]


def _pages(context: Context) -> list[Command]:
    paths = context.paths
    log = ("--journal", str(paths.monitoring), "--run-id", context.run_id)
    folders = ("--warehouse", str(paths.root), "--site", str(paths.site))
    return [
        ["ml.monitoring", "--db", str(paths.published), *log],
        ["pipeline.lineage", str(paths.dbt_target), str(paths.site)],
        ["pages", *folders, "--docs", str(paths.dbt_docs)],
    ]


def _dbt_files(context: Context, *, insights: bool) -> str:
    late = (DBT_PROJECT / "models" / "marts" / "insights", DBT_PROJECT / "analyses")
    kept = [
        path
        for pattern in ("macros", "models", "tests", "analyses")
        for path in (DBT_PROJECT / pattern).rglob("*")
        if path.is_file() and any(map(path.is_relative_to, late)) == insights
    ]
    if not insights:
        kept += [*DBT_PROJECT.glob("*.yml"), PROJECT / "profiles.yml"]
    return context.digests.of_files(kept, below=PROJECT)


ML_STAGES = ("train", "predict", "monitor", "amount", "experiment", "bandit")
ML_CODE = (
    *("ml/*.py", "ml/*.toml"),
    *(f"ml/{part}/*" for part in ("modeling", "amount", "monitoring", "experiments", "bandit")),
)
BUILD_CODE = tuple(
    f"pipeline/{name}.py" for name in ("build", "dbt", "manifest", "quality", "spark")
)
LANDING_CODE = ("expectations/*.py", "expectations/landing/*")
VALIDATION_CODE = ("expectations/*.py", "expectations/validation/**/*")
PAGES_CODE = ("pages/**/*",)

STAGES = (
    Stage(
        "generate",
        reads=lambda context: {
            "generator": context.code("generator/**/*"),
            **{name: context.settings[name] for name in ("SCALE", "SEED", "SCENARIO")},
        },
        commands=_generate,
        writes=lambda context: {"files": context.digests.of_folder(context.raw_folder)},
        is_in_database=False,
    ),
    Stage(
        "land",
        reads=lambda context: {
            "raw files": context.digests.of_files(
                (
                    each
                    for each in context.raw_folder.glob("*")
                    if each.suffix in (".csv", ".parquet") and not each.is_dir()
                ),
                below=context.raw_folder,
            ),
            "landing": context.code(*LANDING_CODE),
            "AS_OF": context.settings["AS_OF"],
            **{name: context.settings[name] for name in ("ON_BAD_ROWS", "TARGET")},
            "packages": context.packages,
        },
        commands=_land,
        writes=landed_values,
        is_in_database=False,
    ),
    Stage(
        "features",
        reads=lambda context: {
            **landed_values(context),
            "dbt project": _dbt_files(context, insights=False),
            "pipeline": context.code(*BUILD_CODE),
            "packages": context.packages,
            "TARGET": context.settings["TARGET"],
        },
        commands=lambda context: [
            ["pipeline.build", "--warehouse", str(context.paths.root)],
            ["pipeline.dbt", "features", context.settings["TARGET"], context.run_id],
        ],
        # the lineage of columns is drawn from it; where it lies depends on where the project does
        writes=lambda context: {
            "compiled SQL": of_text(str((context.paths.dbt_target / "compiled").is_dir())),
            **(
                {"tables of Spark": of_text(str((context.paths.spark / "tables").is_dir()))}
                if context.settings["TARGET"] == "spark"
                else {}
            ),
        },
    ),
    Stage(
        "validate",
        reads=lambda context: {"suites and checks": context.code(*VALIDATION_CODE)},
        commands=_validate,
        if_refused=lambda context: [
            ["pages.validation", str(context.paths.rejected / context.run_id / "validation.json")]
        ],
        writes=lambda context: {
            "validation report": context.digests.of_file(context.paths.validation_report)
        },
    ),
    Stage(
        "ml",
        reads=lambda context: {
            "ml": context.code(*ML_CODE),
            "TRUTH": context.settings["TRUTH"]
            and context.digests.of_folder(Path(context.settings["TRUTH"])),
        },
        commands=lambda context: [ml(context, *ML_STAGES)],
        writes=lambda context: {"models": context.digests.of_folder(context.paths.models)},
    ),
    Stage(
        "online",
        reads=lambda context: {
            "log": context.digests.of_folder(context.paths.online),
            "ml.serving": context.code("ml/*.py", "ml/serving/*.py"),
        },
        commands=_online,
    ),
    Stage(
        "insights",
        reads=lambda context: {"dbt models": _dbt_files(context, insights=True)},
        commands=lambda context: [
            ["pipeline.dbt", "insights", context.settings["TARGET"], context.run_id]
        ],
        writes=lambda context: {"dbt docs": context.digests.of_file(context.paths.dbt_docs)},
    ),
    Stage("publish", reads=lambda _: {}, commands=lambda _: []),
    Stage(
        "pages",
        reads=lambda context: {
            "published": stamp(context.paths.published),
            "pages": context.code(*PAGES_CODE, "pipeline/lineage.py"),
            "validation report": context.digests.of_file(context.paths.validation_report),
            "dbt docs": context.digests.of_file(context.paths.dbt_docs),
        },
        commands=_pages,
        writes=lambda context: {"site": context.digests.of_folder(context.paths.site)},
        is_in_database=False,
    ),
)
