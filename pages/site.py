"""The folder of the site: puts pages into the frame and into place, and removes stale ones."""

from pathlib import Path
from typing import Any

from pages.frame import Frame
from pages.links import Links
from pages.registry import NAVIGATION
from pages.rendering import render


class Site:
    """The site that is being made; paths are relative to its folder."""

    def __init__(self, root: Path, frame: Frame, links: Links) -> None:
        """Takes the folder, what every page says at its top, and where each project is shown."""
        self.root, self.links = root, links
        self._frame = frame
        self._written: set[Path] = set()

    def write(self, path: str, template: str, **values: Any) -> None:
        """Renders a page and puts it in place.

        Args:
            path: Such as `releases/index.html`; links of the page are relative to it.
            template: Name of the template.
            values: What the template shows.
        """
        folder, _, _ = path.rpartition("/")
        page = render(
            template,
            **values,
            frame=self._frame,
            navigation=NAVIGATION,
            here=folder.split("/")[0],
            root="../" * path.count("/"),
        )
        self.write_text(path, page)

    def write_text(self, path: str, text: str) -> None:
        """Puts a file in place at once: nobody ever reads half of it."""
        file = self.root / path
        write_text(file, text)
        self._written.add(file)

    def remove_stale(self, folder: str) -> None:
        """Removes the files of a folder that this run has not written."""
        for file in (self.root / folder).rglob("*"):
            if file.is_file() and file not in self._written:
                file.unlink()


def write_text(file: Path, text: str) -> None:
    """Writes a file aside and moves it into place; one that says the same already stays."""
    content = text.encode()
    if file.is_file() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(file.name + ".new")
    aside.write_bytes(content)
    aside.replace(file)
