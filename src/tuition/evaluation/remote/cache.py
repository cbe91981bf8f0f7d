"""The cache of responses on disk, so that no request is paid for twice: one SQLite file, safe when killed or shared.

A response is found by the hash of its request: address, path and the whole body, which includes the model. The API key
is not part of it, and is never stored.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tuition.base.cache import cache_root
from tuition.base.errors import UserError
from tuition.base.fingerprints import fingerprint

_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY,
    at REAL NOT NULL,
    url TEXT NOT NULL,
    model TEXT NOT NULL,
    request BLOB NOT NULL,
    response BLOB NOT NULL
) WITHOUT ROWID
"""
_LOCK_TIMEOUT = 60.0


def default_cache_path() -> Path:
    """Return the default file of stored responses, in the user's cache."""
    return cache_root() / "remote" / "responses.sqlite"


def response_key(url: str, path: str, body: Mapping[str, Any]) -> str:
    """Return the hash that a response is found by."""
    return fingerprint({"url": url, "path": path, "body": body})


class ResponseCache:
    """An open cache. Each response is on disk when `put` returns; readers never see a partial one."""

    def __init__(self, path: Path) -> None:
        """Open the cache, and create it if it does not exist.

        Raises:
            UserError: the file cannot be created or written, is not a cache, or was written by a newer version.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"{path}: cannot be opened to store responses ({error}); choose another file") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._store.close()
            raise self._failed(error) from error
        except UserError:
            self._store.close()
            raise

    def __enter__(self) -> ResponseCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a stored response; None if there is none, or if it cannot be read."""
        try:
            row = self._store.execute("SELECT response FROM responses WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        if row is None:
            return None
        try:
            payload = json.loads(zlib.decompress(row[0]))
        except (zlib.error, ValueError, TypeError):
            return None
        return payload if isinstance(payload, dict) else None

    def has(self, key: str) -> bool:
        """Return whether a response is stored; `get` may still find it unreadable."""
        try:
            return self._store.execute("SELECT 1 FROM responses WHERE key = ?", (key,)).fetchone() is not None
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def put(self, key: str, url: str, body: Mapping[str, Any], response: str) -> None:
        """Store a response (JSON text, without the API key) with its request.

        Raises:
            UserError: the disk is full, or the file is damaged.
        """
        request = zlib.compress(json.dumps(body).encode("ascii"))
        row = (key, time.time(), url, str(body["model"]), request, zlib.compress(response.encode("utf-8")))
        try:
            self._store.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _prepare(self) -> None:
        version = self._store.execute("PRAGMA user_version").fetchone()[0]
        names = [name for (name,) in self._store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if names not in ([], ["responses"]):
            raise UserError(f"{self.path}: is a database for something else; choose another file")
        if version > _VERSION:
            raise UserError(f"{self.path}: was written by a newer version of Tuition; choose another file, or update")
        self._store.execute("PRAGMA synchronous = FULL")
        if version == _VERSION:
            return
        # While another process creates the same file, SQLite refuses to switch to a write-ahead log, without waiting.
        end = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                self._store.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self._store.execute(_TABLE)
        self._store.execute(f"PRAGMA user_version = {_VERSION}")

    def _failed(self, error: sqlite3.Error) -> UserError:
        if isinstance(error, sqlite3.OperationalError):
            return UserError(
                f"{self.path}: responses cannot be stored here ({error}); free disk space or choose another file"
            )
        return UserError(
            f"{self.path}: is not an intact cache of responses ({error}); move it away, or choose another file"
        )
