"""Who asks: the owner of an API key, or else an address."""

import hashlib
import hmac
import os
import re
import sys
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from starlette.requests import Request

from ml.errors import MlError

KEY_HEADER = "X-API-Key"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LINE = re.compile(rf"({NAME.pattern}) sha256:([0-9a-f]{{64}})")
_IPV6_CUSTOMER = 64  # one customer has all addresses of such a prefix


class UnknownKeyError(MlError):
    """The API key of a request is not in the file of keys."""


class KeysError(MlError):
    """The file of keys cannot be used."""


def digest(key: str) -> str:
    """Returns what the file of keys holds of a key: it is random, so no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


class Clients:
    """Names the client of a request."""

    def __init__(self, keys: Path | None) -> None:
        """Takes the file of keys; it is read again when it has changed.

        Should it be unusable, the keys of before count until it is put right. Where none have been
        read before, as by a worker that replaces another, only clients without a key are served.
        """
        self._path = keys
        self._identity: tuple[int, ...] | None = ()
        self._keys: dict[str, str] | None = {} if keys is None else None
        self._refresh()

    def of(self, request: Request) -> str:
        """Returns the name of the key's owner, or the address.

        Raises:
            UnknownKeyError: There is a key, but it is unknown.
            KeysError: There is a key, but none could be read to compare it with.
        """
        given = request.headers.get(KEY_HEADER)
        if given is not None:
            return self._owner(given)
        return _customer(request.client.host if request.client else "")

    def _owner(self, key: str) -> str:
        found, sought = None, digest(key)
        self._refresh()
        if self._keys is None:
            raise KeysError("keys cannot be read now; what is wrong stands in the service's output")
        for name, known in self._keys.items():  # all, so that no time tells which
            if hmac.compare_digest(known, sought):
                found = name
        if found is None:
            raise UnknownKeyError(f"the key in {KEY_HEADER} is not known here")
        return found

    def _refresh(self) -> None:
        if self._path is None or (found := _identity(self._path)) == self._identity:
            return
        self._identity = found  # first: what is wrong with a file is said once
        try:
            self._keys = read_keys(self._path)
        except KeysError as error:
            known = "no key is accepted" if self._keys is None else "the keys of before count"
            print(f"serve: {error}; {known}", file=sys.stderr, flush=True)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_keys(path: Path) -> dict[str, str]:
    """Returns the digest of each client's key.

    Raises:
        KeysError: The file cannot be read, or has a line that is no key.
    """
    keys = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise KeysError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"{path} cannot be read (no UTF-8)") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            match = _LINE.fullmatch(line.strip())
            if not match or match[1] in keys:
                raise KeysError(f"{path}:{number} is not 'name sha256:…' with a name of its own")
            keys[match[1]] = match[2]
    return keys


def _customer(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), _IPV6_CUSTOMER), strict=False))
    return str(address)
