"""The log of a worker: answers that wait at the same time reach the disk together."""

import asyncio
from pathlib import Path

from ml.serving import log
from ml.serving.log import LogError, Prediction


class Journal:
    """Adds lines to the log for the requests of one event loop."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the log."""
        self._folder = folder
        self._waiting: list[tuple[Prediction, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, prediction: Prediction) -> None:
        """Returns when the line is on the disk.

        Raises:
            LogError: It could not be written; nothing of it is left.
        """
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((prediction, written))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        await written

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                problem = None
                try:
                    await asyncio.to_thread(log.append, self._folder, *(line for line, _ in batch))
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
