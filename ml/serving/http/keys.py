"""`python -m ml.serving.http.keys`: makes an API key and prints it once."""

import argparse
import os
import secrets
import sys
from functools import partial
from pathlib import Path

from ml.command import Parser, guarded, show
from ml.serving.http.clients import NAME, KeysError, digest, read_keys


def main() -> int:
    """Makes a key; returns 0, or 2 for a wrong call."""
    parser = Parser(prog="python -m ml.serving.http.keys", description="Makes an API key.")
    parser.add_argument("--file", type=Path, required=True, help="file of keys to add it to")
    parser.add_argument("--name", required=True, help="whom the key is for")
    return guarded("keys", partial(_add, parser.parse_args()))


def _add(options: argparse.Namespace) -> int:
    path, name = options.file, options.name
    if not NAME.fullmatch(name):
        raise KeysError(f"{name!r} is no name: small letters, digits, - and _")
    key = secrets.token_urlsafe(32)
    try:
        _append(path, name, f"{name} sha256:{digest(key)}\n")
    except OSError as error:
        raise KeysError(f"{path} cannot be written ({error.strerror})") from error
    return show("keys", [f"{key}  is the key of {name}; {path} holds its digest only"])


def _append(path: Path, name: str, line: str) -> None:
    text = ""
    if path.exists():
        read_keys(path)
        text = path.read_text(encoding="utf-8")
        if any(each.startswith(f"{name} ") for each in text.splitlines()):
            raise KeysError(f"{path} has a key of {name}: remove its line first")
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(file, "a", encoding="utf-8") as lines:
        lines.write(line if text.endswith("\n") or not text else f"\n{line}")


if __name__ == "__main__":
    sys.exit(main())
