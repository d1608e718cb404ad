"""The application that a server runs."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ml.serving.http import document, problems
from ml.serving.http.edge import Edge
from ml.serving.http.options import Options
from ml.serving.http.routes import limited, router
from ml.serving.http.service import Service


def create(options: Options | None = None) -> ASGIApp:
    """Returns the application of one worker.

    Args:
        options: By default what the starting process has handed over.

    Raises:
        MlError: The settings or the URL of the limits cannot be used.
    """
    options = options or Options.handed_over()
    service = Service(options)
    app = FastAPIOffline(
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        title="Escrow Milestone Analytics",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    app.include_router(limited)
    app.include_router(router)
    problems.install(app)

    _document(app, service)
    edge: ASGIApp = Edge(app)
    if options.proxies:
        return ProxyHeadersMiddleware(edge, list(options.proxies))  # type: ignore[arg-type,return-value]
    return edge


def _document(app: FastAPI, service: Service) -> None:
    """Serves the OpenAPI document, made once per contract; nobody else waits for it."""
    made: dict[object, dict[str, Any]] = {}

    async def openapi(_: Request) -> JSONResponse:
        published = await service.rows_if_any()
        contract = frozenset(published.features.items()) if published else None
        if contract not in made:
            found = await asyncio.to_thread(document.build, app, published)
            made.clear()
            made[contract] = found
        return JSONResponse(made[contract])

    routes = app.router.routes
    routes[:] = [each for each in routes if getattr(each, "path", None) != app.openapi_url]
    app.add_route(str(app.openapi_url), openapi, include_in_schema=False)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    if supervisor := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=(supervisor,), daemon=True).start()
    # a daemon: a service that is stopped while it warms up stops at once
    threading.Thread(target=service.warm_up, name="warm-up", daemon=True).start()
    yield
    await service.close()


def _end_after(supervisor: BaseProcess) -> None:
    """Stops this worker in order once the process that would replace it has been killed."""
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)
