"""Draws the lineage of every column from what dbt left: `python -m pipeline.lineage DBT SITE`.

The page needs no network: dbt-colibri is called as a library, since its command line asks the
package index for a newer version, and its telemetry is off.
"""

import gc
import json
import logging
import shutil
import sys
import time
import traceback
from pathlib import Path

from pages.registry import LINEAGE
from pipeline.errors import DONE, PARTLY_DONE
from pipeline.screen import short, show


def main() -> int:
    """Writes the page; a bug in it ends this page alone."""
    target, site = map(Path, sys.argv[1:])
    started = time.perf_counter()
    try:
        page = write(target, site / LINEAGE.folder)
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise  # the machine's: a full disk, a folder that may not be written
        traceback.print_exc()
        print("lineage: a bug ended the making of the page", file=sys.stderr)
        return PARTLY_DONE
    show("pages", f"lineage of columns ({time.perf_counter() - started:.1f} s) -> {short(page)}")
    return DONE


def write(target: Path, folder: Path) -> Path:
    """Writes `index.html` into the folder, from the manifest and the catalog in `target`."""
    from dbt_colibri.lineage_extractor.extractor import DbtColumnLineageExtractor
    from dbt_colibri.report.generator import DbtColibriReportGenerator

    # it collects garbage, among all objects that the stages before have left
    gc.freeze()
    # it warns of each column without a source, such as a count
    logging.getLogger("colibri").setLevel(logging.ERROR)
    work = target / "lineage"
    work.mkdir(parents=True, exist_ok=True)
    manifest = work / "manifest.json"
    manifest.write_text(json.dumps(compiled_manifest(target)), encoding="utf-8")
    extractor = DbtColumnLineageExtractor(str(manifest), str(target / "catalog.json"))
    drawing = DbtColibriReportGenerator(extractor, light_mode=True, disable_telemetry=True)
    drawing.generate_report(output_dir=str(work))
    folder.mkdir(parents=True, exist_ok=True)
    # the site may lie on another disk: there, only a file of its own can take the page's place
    made = shutil.copyfile(work / "index.html", folder / "index.html.new")
    return made.replace(folder / "index.html")


def compiled_manifest(target: Path) -> dict[str, dict[str, dict[str, str]]]:
    """The manifest with the SQL of all models: dbt leaves out what its last command did not run."""
    manifest: dict[str, dict[str, dict[str, str]]]
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and not node.get("compiled_code"):
            sql = target / "compiled" / node["package_name"] / node["original_file_path"]
            node["compiled_code"] = sql.read_text(encoding="utf-8")
    return manifest


if __name__ == "__main__":
    sys.exit(main())
