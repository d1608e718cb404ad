"""Loads the service for minutes while workers are killed and warehouses published; checks all.

`python -m tests.benchmarks.service_soak [seconds [seconds between kills]]`; 600 and 60 by default,
0 for no kills, on a made-up platform. A worker that is killed every minute or two says little of
memory: without kills it lives for the whole time.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from ml.serving import log
from tests.benchmarks.service_world import World, built
from tests.ml.serving.http.servers import Server, running

RATE, CALLERS = 50, 10
PUBLISHES = 10
SAMPLE_SECONDS = 10


class Asked(NamedTuple):
    """One request, the publishes around it, and what came back."""

    name: str
    entity_id: int
    published_before: int
    begun_after: int
    answer: float | None
    status: int | None


class Soak:
    """Callers at a fixed rate, and what is done to the service meanwhile."""

    def __init__(self, world: World, server: Server, seconds: float, kill_every: int) -> None:
        self.world, self.server, self.seconds = world, server, seconds
        self.kills = range(kill_every // 2, int(seconds), kill_every) if kill_every else range(0)
        self.started = time.monotonic()
        self.begun = self.published = 0
        self.held: list[int] = []
        self.memory: dict[int, list[int]] = {}

    def beats(self, caller: int) -> Iterator[int]:
        """Waits for each time at which a caller asks."""
        for number in range(int(self.seconds * RATE / CALLERS)):
            due = self.started + (number + caller / CALLERS) * CALLERS / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            yield number

    def call(self, caller: int) -> list[Asked]:
        """Asks for one live project after the other."""
        found, connection = [], self.server.connect()
        for number in self.beats(caller):
            entity = self.world.projects[number % len(self.world.projects)]
            name, before = f"{caller}-{number}", self.published
            answer, status = self.ask(connection, entity, name)
            found.append(Asked(name, entity, before, self.begun, answer, status))
        connection.close()
        return found

    def ask(
        self, connection: HTTPConnection, entity: int, name: str
    ) -> tuple[float | None, int | None]:
        """Returns the probability and the status; neither where the connection broke."""
        try:
            connection.request(
                "GET", f"/v1/projects/{entity}/success", headers={"X-Request-ID": name}
            )
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException):
            connection.close()
            return None, None
        if response.status != 200:
            return None, response.status
        return float(content.split(b'"predicted_probability":')[1].split(b",")[0]), 200

    def disturb(self) -> None:
        """Publishes and kills until the time is over; notes the memory of the workers."""
        each = self.seconds / PUBLISHES
        events = sorted(
            [(each * (number + 0.5), self.publish) for number in range(PUBLISHES)]
            + [(at, self.kill) for at in self.kills]
            + [(at, self.sample) for at in range(5, int(self.seconds), SAMPLE_SECONDS)],
            key=lambda event: event[0],
        )
        for at, act in events:
            time.sleep(max(0.0, self.started + at - time.monotonic()))
            act()

    def sample(self) -> None:
        """Notes the memory of every worker."""
        for process in self.server.workers():
            self.memory.setdefault(process, []).append(resident(process))

    def publish(self) -> None:
        """Puts another state in place, of which every probability is known."""
        self.begun += 1
        self.world.publish(self.begun)
        self.published += 1

    def kill(self) -> None:
        """Ends the worker that has run longest."""
        process = self.server.workers()[0]
        self.held.append(connections(process, self.server.port))
        os.kill(process, signal.SIGKILL)


def connections(process: int, port: int) -> int:
    """Returns how many connections to a port a process holds."""
    own = {os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local, established = f":{port:04X}", "01"
    return sum(
        line[1].endswith(local) and line[3] == established and f"socket:[{line[9]}]" in own
        for line in lines
    )


def resident(process: int) -> int:
    """Returns the memory of a process in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def main() -> None:
    """Prints what went wrong; nothing should."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    kill_every = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as name:
        world = built(Path(name))
        world.publish(0)
        options = ("--limit", "0", "--workers", "2")
        with running(world.folder, *options) as server, ThreadPoolExecutor(CALLERS) as pool:
            server.get("/readyz")
            soak = Soak(world, server, seconds, kill_every)
            thread = threading.Thread(target=soak.disturb)
            thread.start()
            asked = [each for found in pool.map(soak.call, range(CALLERS)) for each in found]
            thread.join()
        report(soak, asked)


def report(soak: Soak, asked: list[Asked]) -> None:
    """Prints the counts."""
    answered = [each for each in asked if each.answer is not None]
    wrong = [
        each
        for each in answered
        if not each.published_before <= soak.world.step_of(each.answer or 0.0) <= each.begun_after
    ]
    folder = soak.world.folder / "online"
    lines = Counter(line.prediction.request_id for line in log.read(folder) if line.prediction)
    lost = sum(each.name not in lines for each in answered)
    print(f"requests {len(asked):,} in {soak.seconds:.0f} s; publishes {soak.published}")
    broken = sum(each.status is None for each in asked)
    print(f"workers killed {len(soak.held)}, which held {soak.held} connections; {broken} broke")
    statuses = Counter(each.status for each in asked)
    print(f"by status {dict(statuses)}; wrong answers {len(wrong)}; lines lost {lost}")
    print(f"lines twice {sum(count > 1 for count in lines.values())}")
    for process, memory in soak.memory.items():
        first, last = memory[min(2, len(memory) - 1)], memory[-1]
        growth = f"{first} -> {last} ({last / first - 1:+.1%})"
        print(f"memory of worker {process}, MiB {growth}, every {SAMPLE_SECONDS} s: {memory}")


if __name__ == "__main__":
    main()
