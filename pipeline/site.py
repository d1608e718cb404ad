"""Serves the pages to this machine only: `python -m pipeline.site FOLDER PORT`."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pipeline.errors import DONE, CallError
from pipeline.screen import show


def main() -> int:
    """Serves until it is interrupted; returns the exit code."""
    folder, port = sys.argv[1:]
    try:
        with _server(Path(folder), port) as server:
            show("site", f"http://localhost:{port}/ (Ctrl-C ends it)")
            server.serve_forever()
    except CallError as error:
        print(f"{'site':<10} {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print()
    return DONE


def _server(folder: Path, port: str) -> ThreadingHTTPServer:
    if not (folder / "index.html").is_file():
        raise CallError(f"there are no pages yet in {folder}; make run")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise CallError(f"PORT={port} is not a number from 1 to 65535")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except OSError as error:
        raise CallError(f"PORT={port} cannot be used: {error.strerror}; name another") from error


if __name__ == "__main__":
    sys.exit(main())
