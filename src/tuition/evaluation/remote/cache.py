"""Responses on disk, so that nothing is paid for twice: one SQLite file, safe when killed and when shared.

A response is found by the hash of what was asked: address, path and the request's whole body with the model in it. The
key is no part of it, and is never stored.
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
_PATIENCE = 60.0


def default_place() -> Path:
    """Return the file that responses are kept in by default, in the user's cache."""
    return cache_root() / "remote" / "responses.sqlite"


def response_key(url: str, path: str, body: Mapping[str, Any]) -> str:
    """Return the hash that a response is found by."""
    return fingerprint({"url": url, "path": path, "body": body})


class ResponseCache:
    """An open cache. Each response is on disk when `put` returns; a reader never sees half of one."""

    def __init__(self, place: Path) -> None:
        """Open the cache, and make it where there is none.

        Raises:
            UserError: the file cannot be made or written, is no cache, or a newer version's.
        """
        self.place = place
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._store = sqlite3.connect(place, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"{place}: cannot be opened to keep responses in ({error}); choose another file") from error
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
        """Return a stored response; None if there is none, or if it can no longer be read."""
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
        """Return whether a response is stored, which `get` may still find unreadable."""
        try:
            return self._store.execute("SELECT 1 FROM responses WHERE key = ?", (key,)).fetchone() is not None
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def put(self, key: str, url: str, body: Mapping[str, Any], response: str) -> None:
        """Keep a response (JSON text, free of the key), with what was asked.

        Raises:
            UserError: the disk is full, or the file was damaged.
        """
        asked = json.dumps(body).encode("ascii")
        row = (key, time.time(), url, str(body["model"]), zlib.compress(asked), zlib.compress(response.encode("utf-8")))
        try:
            self._store.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _prepare(self) -> None:
        version = self._store.execute("PRAGMA user_version").fetchone()[0]
        names = [name for (name,) in self._store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if names not in ([], ["responses"]):
            raise UserError(f"{self.place}: is a database of something else; choose another file")
        if version > _VERSION:
            raise UserError(f"{self.place}: was written by a newer version of Tuition; choose another file, or update")
        self._store.execute("PRAGMA synchronous = FULL")
        if version == _VERSION:
            return
        # SQLite refuses the switch to a write-ahead log without waiting while another process makes the same file.
        end = time.monotonic() + _PATIENCE
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
            return UserError(f"{self.place}: responses cannot be kept here ({error}); free the disk or choose another")
        return UserError(
            f"{self.place}: is no whole cache of responses ({error}); move it away, or choose another file"
        )
