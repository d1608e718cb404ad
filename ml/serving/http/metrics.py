"""What Prometheus scrapes, added up over all workers."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own variable, for several workers

REQUESTS = Counter(
    "escrow_http_requests", "Requests by route, method and status.", ("route", "method", "status")
)
SECONDS = Histogram(
    "escrow_http_request_seconds",
    "Time to an answer by route.",
    ("route",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
PREDICTIONS = Counter(
    "escrow_predictions",
    "Predictions given, by model and source: published rows, or features in the request.",
    ("model", "source"),
)
PUBLISHED_AS_OF = Gauge(
    "escrow_published_as_of_seconds",
    "AS_OF of the published warehouse that answers, in epoch seconds.",
    multiprocess_mode="mostrecent",
)

__all__ = ["CONTENT_TYPE_LATEST", "PREDICTIONS", "PUBLISHED_AS_OF", "REQUESTS", "SECONDS"]


def exposed() -> bytes:
    """Returns all metrics in the text format of Prometheus."""
    registry = REGISTRY
    if SHARED_FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
