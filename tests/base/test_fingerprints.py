from dataclasses import dataclass
from pathlib import Path

import pytest

from tuition.base.fingerprints import HOLE, canonical_json, file_sha256, fingerprint, fingerprint_around


@dataclass(frozen=True)
class Point:
    x: int
    y: int


def test_equal_content_has_equal_fingerprints_whatever_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [2, 3]}) == fingerprint({"b": [2, 3], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_dataclasses_sets_and_paths_are_plain_data() -> None:
    assert canonical_json(Point(1, 2)) == b'{"x":1,"y":2}'
    assert canonical_json({"s": {"b", "a"}, "p": Path("x")}) == b'{"p":"x","s":["a","b"]}'


def test_what_is_not_plain_data_is_refused() -> None:
    with pytest.raises(TypeError):
        fingerprint(object())


def test_file_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert file_sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_value_hashed_in_pieces_has_the_fingerprint_of_the_whole() -> None:
    whole = fingerprint([1, ["a", {"b": 2}, "\0"], "c"])
    assert fingerprint_around([1, HOLE, "c"], [b'["a",', b'{"b":2}', b',"\\u0000"]']) == whole
    with pytest.raises(ValueError, match="unpack"):
        fingerprint_around([1, HOLE, HOLE], [])
