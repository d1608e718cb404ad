"""The storage: no window ever holds more than the limit, and every place in it is given out."""

import os
import select
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from ml.serving.sqlite_storage import SqliteStorage, since_boot
from tests.ml.serving.asking import SharedClock, ask_without_end

ROOT = Path(__file__).resolve().parents[3]
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
LIMIT = 60
PER_MINUTE = RateLimitItemPerMinute(LIMIT)


class Clock:
    """A clock that reads what it is set to."""

    def __init__(self, now: int = 1_000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def at(path: Path, clock: Clock) -> SqliteStorage:
    return SqliteStorage(f"sqlite:///{path}", clock=clock)


def fullest(moments: Sequence[int]) -> int:
    """The most moments that any window of a minute holds, both ends included."""
    ordered, first, most = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] > MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


BURSTS = st.integers(1, 90)
PAUSES = st.one_of(
    st.integers(0, 2 * MINUTE), st.sampled_from([0, 1, MINUTE - 1, MINUTE, MINUTE + 1])
)
CLIENTS = st.sampled_from(["ann", "bob"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PAUSES, CLIENTS, BURSTS, st.booleans()), max_size=12))
def test_exactly_the_requests_that_fit_are_let_through(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int, bool]]
) -> None:
    """Against a list of moments per client; the storage is opened anew now and then."""
    path, clock = tmp_path_factory.mktemp("limits") / "limits.sqlite", Clock()
    storage = at(path, clock)
    passed: dict[str, list[int]] = {"ann": [], "bob": []}
    for pause, client, burst, is_restarted in steps:
        clock.now += pause
        if is_restarted:
            storage = at(path, clock)
        inside = sum(clock.now - moment <= MINUTE for moment in passed[client])
        granted = sum(storage.acquire_entry(client, LIMIT, 60) for _ in range(burst))
        assert granted == min(burst, LIMIT - inside)
        passed[client] += [clock.now] * granted
    assert all(fullest(moments) <= LIMIT for moments in passed.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PAUSES, st.integers(0, 5 * MINUTE), BURSTS), max_size=12))
def test_a_clock_set_back_lets_nobody_by_and_locks_nobody_out(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    """`true` is the time that really passes; the clock loses some of it at each step."""
    path, clock, true = tmp_path_factory.mktemp("limits") / "limits.sqlite", Clock(), 0
    storage, passed = at(path, clock), []
    for pause, back, burst in steps:
        true += pause
        clock.now += pause - back
        passed += [true] * sum(storage.acquire_entry("ann", LIMIT, 60) for _ in range(burst))
    assert fullest(passed) <= LIMIT
    storage.acquire_entry("ann", LIMIT, 60)
    clock.now += MINUTE + 1
    assert sum(storage.acquire_entry("ann", LIMIT, 60) for _ in range(90)) == LIMIT


def test_a_minute_includes_both_ends(tmp_path: Path) -> None:
    clock = Clock()
    storage = at(tmp_path / "limits.sqlite", clock)
    assert all(storage.acquire_entry("ann", LIMIT, 60) for _ in range(LIMIT))
    clock.now += MINUTE
    assert not storage.acquire_entry("ann", LIMIT, 60)
    clock.now += 1
    assert storage.acquire_entry("ann", LIMIT, 60)


def test_several_at_once_are_let_through_all_or_none(tmp_path: Path) -> None:
    storage = at(tmp_path / "limits.sqlite", Clock())
    assert not storage.acquire_entry("ann", LIMIT, 60, amount=61)
    assert storage.acquire_entry("ann", LIMIT, 60, amount=50)
    assert not storage.acquire_entry("ann", LIMIT, 60, amount=11)
    assert storage.acquire_entry("ann", LIMIT, 60, amount=10)
    assert storage.get_moving_window("ann", LIMIT, 60)[1] == LIMIT


def test_the_limiter_of_the_library_works_on_it(tmp_path: Path) -> None:
    storage = storage_from_string(f"sqlite:///{tmp_path / 'limits.sqlite'}")
    assert isinstance(storage, SqliteStorage)
    limiter = MovingWindowRateLimiter(storage)
    assert limiter.get_window_stats(PER_MINUTE, "ann").remaining == LIMIT
    assert limiter.hit(PER_MINUTE, "ann", cost=59)
    assert limiter.test(PER_MINUTE, "ann")
    assert limiter.hit(PER_MINUTE, "ann")
    assert not limiter.test(PER_MINUTE, "ann")
    assert not limiter.hit(PER_MINUTE, "ann")
    assert limiter.hit(PER_MINUTE, "bob")
    limiter.clear(PER_MINUTE, "ann")
    assert limiter.hit(PER_MINUTE, "ann")
    assert storage.reset() == 2
    assert storage.check()


def test_the_start_of_the_window_is_told_by_the_calendar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    storage = at(tmp_path / "limits.sqlite", clock)
    storage.acquire_entry("ann", LIMIT, 60)
    clock.now += 20 * SECOND
    storage.acquire_entry("ann", LIMIT, 60)
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    assert storage.get_moving_window("ann", LIMIT, 60) == (1_700_000_000.0 - 20, 2)
    clock.now += 41 * SECOND
    assert storage.get_moving_window("ann", LIMIT, 60) == (1_700_000_000.0 - 41, 1)
    assert storage.get_moving_window("bob", LIMIT, 60) == (1_700_000_000.0, 0)


def test_fixed_windows_are_refused(tmp_path: Path) -> None:
    limiter = FixedWindowRateLimiter(at(tmp_path / "limits.sqlite", Clock()))
    with pytest.raises(NotImplementedError, match="moving windows only"):
        limiter.hit(PER_MINUTE, "ann")


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:limits", "sqlite://host/file"])
def test_a_url_without_a_file_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file"):
        storage_from_string(uri)


def test_what_is_over_is_forgotten_whoever_asks(tmp_path: Path) -> None:
    path, clock = tmp_path / "limits.sqlite", Clock()
    storage = at(path, clock)
    for number in range(500):
        storage.acquire_entry(f"client {number}", LIMIT, 60)
    clock.now += MINUTE + 1
    storage.acquire_entry("ann", LIMIT, 60)
    assert storage.reset() == 1


def test_a_file_removed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    path, clock = tmp_path / "limits" / "limits.sqlite", Clock()
    one, other = at(path, clock), at(path, clock)
    one.acquire_entry("ann", LIMIT, 60, amount=30)
    for left in path.parent.iterdir():
        left.unlink()
    other.acquire_entry("ann", LIMIT, 60, amount=60)
    assert not one.acquire_entry("ann", LIMIT, 60)


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_broken_file_lets_nobody_by(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "limits.sqlite").write_bytes(content)
    storage = storage_from_string(f"sqlite:///{tmp_path}/limits.sqlite", wrap_exceptions=True)
    assert not storage.check()
    with pytest.raises(StorageError):
        storage.acquire_entry("ann", LIMIT, 60)


def test_an_error_in_between_leaves_the_storage_usable(tmp_path: Path) -> None:
    storage = at(tmp_path / "limits.sqlite", Clock(2**62))
    storage.acquire_entry("ann", LIMIT, 60, amount=59)
    with pytest.raises(OverflowError):
        storage.acquire_entry("ann", LIMIT, 2**62 // SECOND + 1)  # ends later than a row can tell
    assert storage.acquire_entry("ann", LIMIT, 60)
    assert not storage.acquire_entry("ann", LIMIT, 60)


def test_the_clock_is_read_when_nobody_else_can_write(tmp_path: Path) -> None:
    path, refused = tmp_path / "limits.sqlite", []

    def clock() -> int:
        with sqlite3.connect(path, timeout=0) as other:
            try:
                other.execute("begin immediate")
            except sqlite3.OperationalError as error:
                refused.append(str(error))
        return 0

    SqliteStorage(f"sqlite:///{path}", clock=clock).acquire_entry("ann", LIMIT, 60)
    assert refused == ["database is locked"]


def test_threads_share_one_storage(tmp_path: Path) -> None:
    storage, granted = at(tmp_path / "limits.sqlite", Clock()), []

    def ask() -> None:
        granted.extend(storage.acquire_entry("ann", LIMIT, 60) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == LIMIT


def test_the_clock_is_that_of_the_machine() -> None:
    code = "from ml.serving.sqlite_storage import since_boot; print(since_boot())"
    before = since_boot()
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert before < int(there.stdout) < since_boot()


class Crowd:
    """Processes that ask without end for one client, and tell the time of each place they get."""

    def __init__(self, folder: Path) -> None:
        self.limits, self._file = folder / "limits.sqlite", folder / "clock"
        self._file.write_bytes(bytes(8))
        self.clock = SharedClock(self._file)
        self.clock.set(1_000 * SECOND)
        self._out, self._into = os.pipe()
        self._rest = b""
        self.passed: list[int] = []
        self._processes: list[ForkProcess] = []

    def start(self, count: int) -> None:
        """Starts forks of this process, which save importing the storage once more."""
        for _ in range(count):
            process = get_context("fork").Process(
                target=ask_without_end, args=(self._file, self.limits, self._into)
            )
            process.start()
            self._processes.append(process)

    def kill(self, count: int) -> None:
        for _ in range(count):
            process = self._processes.pop(0)
            assert process.is_alive(), "it ended by itself"
            process.kill()
            process.join()

    def wait_for(self, count: int) -> None:
        """Waits until so many places were given out at the present time."""
        while sum(moment == self.clock() for moment in self.passed) < count:
            ready, _, _ = select.select([self._out], [], [], 60)
            assert ready, f"only {self.passed.count(self.clock())} of {count} were let through"
            self._read()

    def _read(self) -> bool:
        part = os.read(self._out, 65_536)
        *lines, self._rest = (self._rest + part).split(b"\n")
        self.passed += [int(line) for line in lines]
        return bool(part)

    def end(self) -> None:
        self.kill(len(self._processes))
        os.close(self._into)
        while self._read():
            pass
        os.close(self._out)


def test_processes_together_get_every_place_and_no_more(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    crowd.start(4)  # they also make the file all at once
    for pause in (0, MINUTE + 1, 2 * MINUTE, MINUTE + 1):
        for part in (pause // 2, pause - pause // 2):
            crowd.clock.set(crowd.clock() + part)
        crowd.wait_for(LIMIT)
    crowd.end()
    assert len(crowd.passed) == 4 * LIMIT
    assert fullest(crowd.passed) == LIMIT


def test_killed_processes_cost_no_more_than_what_they_had_taken(tmp_path: Path) -> None:
    """Killed between taking a place and telling it: one place each, at most."""
    crowd = Crowd(tmp_path)
    crowd.start(3)
    for _ in range(5):
        crowd.clock.set(crowd.clock() + MINUTE + 1)
        crowd.wait_for(20)
        crowd.kill(3)
        crowd.start(3)
        crowd.wait_for(LIMIT - 3)
    crowd.end()
    assert fullest(crowd.passed) <= LIMIT
    with sqlite3.connect(crowd.limits) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        [(count,)] = connection.execute("select count(*) from entries")
    told = crowd.passed.count(crowd.clock())
    assert told <= count <= min(LIMIT, told + 6)
    clock = Clock(crowd.clock())
    left = sum(at(crowd.limits, clock).acquire_entry("ann", LIMIT, 60) for _ in range(LIMIT))
    assert left == LIMIT - count
