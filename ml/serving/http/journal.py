"""The log of a worker: answers that wait at the same time are written together."""

import asyncio
import sys
from pathlib import Path

from ml.serving import log
from ml.serving.log import LogError, Prediction

SYNC_SECONDS = 0.1  # so much of what was answered may a power cut take from the log


class Journal:
    """Adds lines to the log for the requests of one event loop.

    A line that is written outlives the process, however it is killed. The disk has it SYNC_SECONDS
    later: to wait for that was most of the time of an answer. Where the disk has failed, each line
    waits for it again.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the log."""
        self._folder = folder
        self._waiting: list[tuple[Prediction, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._is_unsynced = self._has_failed = False

    async def add(self, prediction: Prediction) -> None:
        """Returns when the line is written.

        Raises:
            LogError: It could not be written; nothing of it is left.
        """
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((prediction, written))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        await written

    async def check(self) -> None:
        """Makes sure that lines can be written now.

        Raises:
            LogError: They cannot.
        """
        await self._append()
        await asyncio.to_thread(log.sync, self._folder)

    async def close(self) -> None:
        """Returns when all lines are on the disk."""
        if self._is_unsynced:
            await self._sync()

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                problem = None
                try:
                    await self._append(*(line for line, _ in batch))
                except LogError as error:
                    problem = error
                for _, written in batch:
                    if written.done():  # its request was cancelled
                        continue
                    if problem:
                        written.set_exception(problem)
                    else:
                        written.set_result(None)
        finally:
            self._writing = None

    async def _append(self, *lines: Prediction) -> None:
        is_synced = self._has_failed
        await asyncio.to_thread(log.append, self._folder, *lines, is_synced=is_synced)
        if is_synced:
            self._has_failed = False
            return
        self._is_unsynced = True
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync_later())

    async def _sync_later(self) -> None:
        try:
            while self._is_unsynced:
                await asyncio.sleep(SYNC_SECONDS)
                await self._sync()
        finally:
            self._syncing = None

    async def _sync(self) -> None:
        self._is_unsynced = False  # first: what is written meanwhile needs another
        try:
            await asyncio.to_thread(log.sync, self._folder)
        except LogError as error:
            self._has_failed = True
            print(f"serve: {error}", file=sys.stderr, flush=True)
