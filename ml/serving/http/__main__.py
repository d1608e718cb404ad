"""Entry point of `python -m ml.serving.http`: serves predictions until it is stopped."""

import argparse
import atexit
import os
import signal
import socket
import sys
import tempfile
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from ml.command import Parser, guarded, show
from ml.serving.http.clients import read_keys
from ml.serving.http.options import Options, OptionsError

_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_BACKLOG = 2048
_GRACE_SECONDS = 10


def main() -> int:
    """Serves; returns 0 when it was stopped, or 2 for a wrong call."""
    return guarded("serve", partial(_serve, parser().parse_args()))


def _serve(given: argparse.Namespace) -> int:
    values = {name: value for name, value in vars(given).items() if value not in (None, "")}
    if "proxies" in values:
        values["proxies"] = tuple(values["proxies"].replace(",", " ").split())
    options = Options.checked(**values)
    options.hand_over()
    # Else the server, once it has stopped in order, would die of it and leave the folder behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="escrow-metrics-") as shared:
        if options.workers > 1:
            os.environ[_SHARED_METRICS] = shared
        from ml.serving.http.service import Service  # reads that variable when it is imported

        # what is wrong with keys or limits is said once, not by every worker
        if options.keys is not None:
            read_keys(options.keys)
        Service(options)
        with listening(options) as listener:
            _run(_config(options), listener)
    return 0


def listening(options: Options) -> socket.socket:
    """Listens before any worker is there, so that nobody is turned away while they start."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (options.host, options.port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        place = f"HOST={options.host} PORT={options.port}"
        number = error.errno or 0  # negative where a name is not found
        reason = os.strerror(number) if number > 0 else error.strerror
        raise OptionsError(f"{place}: cannot listen there ({reason})") from error
    # Connections inherit it. asyncio sets it only where it made the socket itself, and without it
    # the second part of every answer waits 40 ms for the client to confirm the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    workers = f"{options.workers} worker{'s' if options.workers > 1 else ''}"
    address = f"http://{shown}:{port}/docs"
    show("serve", [f"{address}, {workers}, warehouse {options.warehouse}; stop with Ctrl-C"])
    return listener


def _config(options: Options) -> uvicorn.Config:
    return uvicorn.Config(
        "ml.serving.http.app:create",
        factory=True,
        workers=options.workers,
        http="ml.serving.http.protocol:PatientProtocol",  # type: ignore[arg-type]
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # it would believe any neighbour; app.py names whom
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _run(config: uvicorn.Config, listener: socket.socket) -> None:
    server = uvicorn.Server(config)
    try:
        if config.workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            server.run(sockets=[listener])
    except KeyboardInterrupt:
        return  # it has ended what it had begun


def parser() -> argparse.ArgumentParser:
    """Returns the options of the command."""
    made = Parser(prog="python -m ml.serving.http", description="Serves predictions over HTTP.")
    made.add_argument("--warehouse", required=True, help="folder of the warehouse")
    made.add_argument("--host", help="address to listen on; by default this machine only")
    defaults = {name: field.default for name, field in Options.model_fields.items()}
    made.add_argument("--port", help=f"port to listen on ({defaults['port']})")
    made.add_argument("--workers", help=f"processes ({defaults['workers']})")
    made.add_argument(
        "--limit",
        help=f"predictions of a client in a minute ({defaults['limit']}); 0: no limit",
    )
    made.add_argument("--limits", help="URL of a storage of `limits`; by default a file")
    made.add_argument("--keys", help="file of API keys")
    made.add_argument("--proxies", help="addresses or networks of proxies to believe")
    return made


if __name__ == "__main__":
    code = main()
    # taking thousands of modules apart would cost a second
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
