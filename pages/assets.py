"""Style and scripts that all pages share: ours, and those of the installed packages.

`python -m pages.assets` puts the script of the charts together once for an environment, which is
part of its setup: a second and a half of CPU that each new site would cost.
"""

import re
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import distribution, version
from pathlib import Path

from pages.registry import ASSETS
from pages.rendering import STATIC
from pages.site import write_text

# DataTables comes as a module, which browsers refuse to load from a file: so it becomes a script.
_EXPORTS = re.compile(r"export\{(?P<names>[^}]*)\}")
_JQUERY = re.compile(r"([\w$]+) as jQuery")


def install(site: Path) -> None:
    """Writes the folder of assets; a script whose version is there already is left alone."""
    folder = site / ASSETS
    folder.mkdir(parents=True, exist_ok=True)
    for file in STATIC.iterdir():
        write_text(folder / file.name, file.read_text(encoding="utf-8"))
    _write_once(folder, "datatables", "itables", _datatables)
    _write_once(folder, "vega", "vl-convert-python", _vega)


def _write_once(folder: Path, script: str, package: str, content: Callable[[], str]) -> None:
    """Writes a script with the licences of its package, unless this version is there."""
    stamp = folder / f"{script}.version"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == version(package):
        return
    write_text(folder / f"{script}.js", content())
    for number, file in enumerate(_licences(package)):
        shutil.copyfile(file, folder / f"{script}-licence-{number + 1}.txt")
    write_text(stamp, version(package))


def _licences(package: str) -> list[Path]:
    found = distribution(package)
    names = ("licen", "copying", "notice")
    paths = [path for path in found.files or () if any(n in path.name.lower() for n in names)]
    return [Path(str(found.locate_file(path))) for path in paths]


def _datatables() -> str:
    import itables

    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    text = bundle.read_text(encoding="utf-8")
    found = _EXPORTS.search(text)
    jquery = _JQUERY.search(found["names"]) if found else None
    if not found or not jquery:
        raise ValueError(f"itables {version('itables')} exports no jQuery: {bundle}")
    made = f"window.DataTable={jquery[1]}.fn.dataTable"
    return f"(()=>{{{text[: found.start()]}{made}{text[found.end() :]}}})()"


def _vega() -> str:
    """Returns the script of the charts, which setup made for this version, or makes it."""
    made = _made_by_setup()
    return made.read_text(encoding="utf-8") if made.is_file() else _bundle()


def _made_by_setup() -> Path:
    name = f"vega-{version('vl-convert-python')}.js"
    return Path(sys.prefix) / "share" / "escrow-pages" / name


def _bundle() -> str:
    import vl_convert

    text: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return f"(()=>{{{text}}})()"


if __name__ == "__main__":
    write_text(_made_by_setup(), _bundle())
