"""Takes the pictures of README.md and docs from the pages of a finished run, with Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
LARGEST = 150_000  # bytes: a clone carries every picture ever committed
# picture: page (the first that fits the pattern), width and height in CSS pixels
PICTURES = {
    "overview": ("index.html", 1200, 780),
    "project": ("projects/[0-9]*.html", 1200, 700),
    "monitoring": ("monitoring/index.html", 1200, 700),
}


def take(page: Path, size: tuple[int, int], picture: Path) -> None:
    """Draws the top of a page, without a network."""
    width, height = size
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *(f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                *("--virtual-time-budget=5000", f"--screenshot={picture}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
        )


def main() -> None:
    """Takes all pictures of the site in the folder named."""
    site = Path(sys.argv[1]).resolve()
    if not shutil.which("chromium"):
        sys.exit("pictures: chromium is not installed")
    IMAGES.mkdir(exist_ok=True)
    for name, (page, *size) in PICTURES.items():
        found = sorted(site.glob(page))
        if not found:
            sys.exit(f"pictures: {site / page} is missing: make run")
        picture = IMAGES / f"{name}.png"
        take(found[0], (size[0], size[1]), picture)
        if picture.stat().st_size > LARGEST:
            sys.exit(f"pictures: {picture} is larger than {LARGEST:,} bytes")
        print(f"pictures   {picture.stat().st_size:,} bytes -> {picture}")


if __name__ == "__main__":
    main()
