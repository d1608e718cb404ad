"""A disk that is full, and one that may only be read: said once, nothing published is touched."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.clone import Clone, needs_make, sha256
from tests.journeys.exports import MIXED, export, write
from tests.journeys.warehouses import Warehouse, is_conserved

pytestmark = [pytest.mark.journey, needs_make]


class Disk:
    """A file system in memory, on which the warehouse lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount("size=1g")

    def set(self, option: str) -> None:
        """Changes it while it is in use."""
        self._mount(f"remount,{option}")

    def leave_free(self, size: int) -> None:
        """Makes it so small that this many bytes are left."""
        found = os.statvfs(self.folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        self.set(f"size={used + size}")

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def _mount(self, options: str) -> None:
        call = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs to mount a file system: {done.stderr.strip()}")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("needs to mount a file system, which only root may")
    disk = Disk(tmp_path_factory.mktemp("disk") / "mounted")
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, disk: Disk) -> Warehouse:
    """A warehouse on that disk, published once, and an export that has changed since."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    (clone.folder / "own").symlink_to(disk.folder)
    warehouse = Warehouse(clone, "own")
    data = write(clone.folder / "export", export(MIXED))
    warehouse.publish(f"DATA={data}")
    write(data, export([*MIXED, "live"]))
    return warehouse


def test_folder_that_may_only_be_read(warehouse: Warehouse, disk: Disk) -> None:
    before = sha256(warehouse.published)
    disk.set("ro")
    code, output = warehouse.run("DATA=export")
    asked = warehouse.make("query", "SQL=select count(*) from core.dim_projects")
    disk.set("rw")
    assert code == 2
    assert "cannot be written: Read-only file system" in output
    assert len(output.splitlines()) == 1
    assert asked[0] == 0
    assert str(len(MIXED)) in asked[1]
    assert sha256(warehouse.published) == before


@pytest.mark.parametrize("free", [0, 1_000_000, 4_000_000])
def test_full_disk(warehouse: Warehouse, disk: Disk, free: int) -> None:
    """It is full at once, while landing or building, or later."""
    before = sha256(warehouse.published)
    disk.leave_free(free)
    code, output = warehouse.run("DATA=export")
    disk.set("size=1g")
    assert code == 2, output
    assert re.search(r"disk is full|No space left on device", output), output
    assert "free it, then run again" in output
    assert "None" not in output
    assert "Traceback" not in output
    assert "bug" not in output
    assert sha256(warehouse.published) == before


def test_too_little_memory(warehouse: Warehouse) -> None:
    before = sha256(warehouse.published)
    code, output = warehouse.run("DATA=export", "DUCKDB_MEMORY=12MB")
    assert code == 2, output
    assert "free some, or let DuckDB take more (DUCKDB_MEMORY), then run again" in output
    assert "Traceback" not in output
    assert sha256(warehouse.published) == before


def test_with_room_again_the_next_run_publishes(warehouse: Warehouse) -> None:
    warehouse.publish("DATA=export")
    assert warehouse.ask("select count(*) from core.dim_projects") == [(len(MIXED) + 1,)]
    assert is_conserved(warehouse)
