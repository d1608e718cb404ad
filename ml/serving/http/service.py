"""What a worker keeps between requests."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from ml import settings
from ml.errors import MlError
from ml.serving.http import metrics
from ml.serving.http.bodies import Bodies
from ml.serving.http.clients import Clients
from ml.serving.http.journal import Journal
from ml.serving.http.options import Options
from ml.serving.predictor import LOG_FOLDER, absence, find, logged
from ml.serving.published import Published
from ml.serving.published_rows import NoModelError, PublishedModel, PublishedRow, PublishedRows
from ml.serving.rate_limit import Quota, RateLimit
from ml.serving.scoring import Columns, Score, Scorer


class Service:
    """Answers the requests of one process; nothing here blocks its event loop."""

    def __init__(self, options: Options) -> None:
        """Does not touch the warehouse yet.

        Raises:
            MlError: The settings or the URL of the limits cannot be used.
        """
        folder = options.warehouse
        self.clients = Clients(options.keys)
        self.bodies = Bodies()
        self._limit = RateLimit(options.counts, options.limit) if options.limit else None
        self._published = Published(folder, settings.load(settings.DEFAULT_PATH))
        # one thread, whose memory the next file uses again: that of several grew with each publish
        self._reader = ThreadPoolExecutor(1, "published")
        self._journal = Journal(folder / LOG_FOLDER)
        self._scorer = Scorer(folder / "models")
        self._scoring = asyncio.Lock()  # whoever waits for it takes no thread from the others

    async def take(self, client: str, amount: int = 1) -> Quota | None:
        """Counts predictions; returns what the client has left, None without a limit.

        Raises:
            MlError: There is no room, no way to count, or no warehouse: a mistaken folder shall
                not get limits and a log.
        """
        self._published.require()
        if self._limit is None:
            return None
        return await asyncio.to_thread(self._limit.take, client, amount)

    async def take_more(self, client: str, amount: int) -> Quota | None:
        """Counts the rest of `amount` predictions of which one is counted already.

        Raises:
            MlError: As for `take`.
        """
        if self._limit is not None:
            self._limit.require(amount)
        return await self.take(client, amount - 1)

    async def rows(self) -> PublishedRows:
        """Returns the rows of the file that is published now.

        Raises:
            MlError: There is none, or it cannot be read.
        """
        found = self._published.rows_at_hand()
        if found is None:
            found = await asyncio.wrap_future(self._reader.submit(self._published.rows))
            metrics.PUBLISHED_AS_OF.set(found.as_of.replace(tzinfo=UTC).timestamp())
        return found

    async def check(self) -> None:
        """Makes sure that predictions can be counted and logged now.

        Raises:
            MlError: They cannot.
        """
        if self._limit is not None:
            await asyncio.to_thread(self._limit.check)
        await self._journal.check()

    async def rows_if_any(self) -> PublishedRows | None:
        """Returns the same, or None where there are none."""
        try:
            return await self.rows()
        except MlError:
            return None

    async def absence(self, entity: str, entity_id: int) -> MlError:
        """Returns why something has no published prediction."""
        return await asyncio.wrap_future(self._reader.submit(self._absence, entity, entity_id))

    def _absence(self, entity: str, entity_id: int) -> MlError:
        with self._published.warehouse() as warehouse:
            return absence(warehouse, entity, entity_id)

    async def predict(
        self, entity: str, entity_id: int, client: str, request_id: str
    ) -> PublishedRow:
        """Returns the published row of something live, once the answer is in the log.

        Raises:
            MlError: There is none, or the log cannot be written.
        """
        row = find(await self.rows(), entity, entity_id)
        if row is None:
            raise await self.absence(entity, entity_id)
        await self._journal.add(logged(row, client, request_id, datetime.now(UTC)))
        metrics.PREDICTIONS.labels(row.model_name, "published").inc()
        return row

    async def score(self, model: PublishedModel, columns: Columns) -> list[Score]:
        """Returns the predictions from given features, one per row.

        Raises:
            MlError: There is no model.
        """
        if model.problem:
            raise model.problem.with_traceback(None)
        if model.run is None:
            raise NoModelError(f"{model.name} has never been trained: make run")
        async with self._scoring:
            found = await asyncio.to_thread(self._scorer.score, model.run, columns)
        metrics.PREDICTIONS.labels(model.name, "features").inc(len(found))
        return found

    def warm_up(self) -> None:
        """Reads what is published and loads its models, so that no first caller waits for it."""
        with suppress(MlError):  # it is said to whoever asks
            for model in self._reader.submit(self._published.rows).result().models.values():
                if model.run is not None and model.problem is None:
                    self._scorer.load(model.run)
        # What is loaded stays. To look through it for garbage stopped all answers for 0.1 s.
        gc.collect()
        gc.freeze()

    async def close(self) -> None:
        """Brings the log to the disk and lets the published file go."""
        gc.unfreeze()  # or libraries would report at the end what has not been collected
        await self._journal.close()
        self._published.close()
