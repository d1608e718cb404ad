"""The application that a server runs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
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
        MlError: The settings, the file of keys or the URL of the limits cannot be used.
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

    made: dict[object, dict[str, Any]] = {}

    def openapi() -> dict[str, Any]:
        published = service.rows_if_any()
        contract = frozenset(published.features.items()) if published else None
        if contract not in made:
            made.clear()
            made[contract] = document.build(app, published)
        return made[contract]

    app.openapi = openapi  # type: ignore[method-assign]
    edge: ASGIApp = Edge(app)
    if options.proxies:
        return ProxyHeadersMiddleware(edge, list(options.proxies))  # type: ignore[arg-type,return-value]
    return edge


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    warming = threading.Thread(target=service.warm_up, name="warm-up", daemon=True)
    warming.start()
    yield
    await asyncio.to_thread(warming.join)
    service.close()
