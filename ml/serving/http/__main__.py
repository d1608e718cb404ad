"""Entry point of `python -m ml.serving.http`: serves predictions until it is stopped."""

import argparse
import os
import sys
import tempfile
from functools import partial

import uvicorn

from ml.command import Parser, guarded, show
from ml.serving.http.options import Options

_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_GRACE_SECONDS = 10


def main() -> int:
    """Serves; returns 0 when it was stopped, or 2 for a wrong call."""
    return guarded("serve", partial(_serve, _parser().parse_args()))


def _serve(given: argparse.Namespace) -> int:
    values = {name: value for name, value in vars(given).items() if value not in (None, "")}
    if "proxies" in values:
        values["proxies"] = tuple(values["proxies"].replace(",", " ").split())
    options = Options.checked(**values)
    options.hand_over()
    with tempfile.TemporaryDirectory(prefix="escrow-metrics-") as shared:
        if options.workers > 1:
            os.environ[_SHARED_METRICS] = shared
        from ml.serving.http.service import Service  # reads that variable when it is imported

        Service(options)  # what is wrong with keys or limits is said once, not by every worker
        workers = f"{options.workers} worker{'s' if options.workers > 1 else ''}"
        address = f"http://{options.host}:{options.port}/docs"
        show("serve", [f"{address}, {workers}, warehouse {options.warehouse}; stop with Ctrl-C"])
        uvicorn.run(
            "ml.serving.http.app:create",
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            http="ml.serving.http.protocol:PatientProtocol",  # type: ignore[arg-type]
            ws="none",
            log_level="warning",
            access_log=False,
            proxy_headers=False,  # it would believe any neighbour; app.py names whom
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m ml.serving.http", description="Serves predictions over HTTP.")
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    parser.add_argument("--host", help="address to listen on; by default this machine only")
    parser.add_argument("--port", help="port to listen on")
    parser.add_argument("--workers", help="processes")
    parser.add_argument("--limit", help="predictions a minute and client; 0 is none")
    parser.add_argument("--limits", help="URL of a storage of `limits`; by default a file")
    parser.add_argument("--keys", help="file of API keys")
    parser.add_argument("--proxies", help="addresses or networks of proxies to believe")
    return parser


if __name__ == "__main__":
    sys.exit(main())
