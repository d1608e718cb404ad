"""What `make serve` was asked for, handed from the first process to its workers."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from ml.errors import MlError
from ml.serving.predictor import limits_beside
from ml.serving.rate_limit import PER_MINUTE
from ml.settings_file import CLOSED

_VARIABLE = "ESCROW_SERVE"  # the only way into workers that the server starts


class OptionsError(MlError):
    """The service was called with a wrong option."""


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


Proxy = Annotated[str, AfterValidator(_network)]


class Options(BaseModel):
    """The options of the service.

    Attributes:
        warehouse: The warehouse folder.
        host: Address to listen on.
        port: Port to listen on; 0 lets the machine choose.
        workers: Processes.
        limit: Predictions a minute and client; 0 is none.
        limits: URL of the storage of the counts; by default a file beside the warehouse.
        keys: File of API keys.
        proxies: Addresses or networks of the proxies whose X-Forwarded-For is believed.
    """

    model_config = CLOSED

    warehouse: Path
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    limit: Annotated[int, Field(ge=0, le=1_000_000)] = PER_MINUTE
    limits: str | None = None
    keys: Path | None = None
    proxies: tuple[Proxy, ...] = ()

    @property
    def counts(self) -> str:
        """The URL of the storage of the counts."""
        return self.limits or limits_beside(self.warehouse)

    @classmethod
    def checked(cls, **given: object) -> Self:
        """Returns the options.

        Raises:
            OptionsError: One of them is wrong; the message names it.
        """
        try:
            options = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise OptionsError(f"{name}={first['input']}: {first['msg']}") from error
        if options.workers > 1 and options.counts.startswith("memory:"):
            text = f"LIMITS={options.counts} counts in one process only, not over WORKERS="
            raise OptionsError(f"{text}{options.workers}")
        return options

    def hand_over(self) -> None:
        """Leaves them for the processes that this one starts."""
        os.environ[_VARIABLE] = self.model_dump_json()

    @classmethod
    def handed_over(cls) -> Self:
        """Returns what the starting process has left."""
        return cls.model_validate_json(os.environ[_VARIABLE])
