"""Cached arrays: computed once, and computed again rather than failing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pinnml.problems.cached import cached

from pinnml.errors import DeclarationError


class Counted:
    """A computation that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"a": np.arange(3.0), "b": np.ones((2, 2))}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pinnml"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_second_call_reads_what_the_first_wrote(folder: Path) -> None:
    compute = Counted()
    first, second = cached("one", compute), cached("one", compute)
    assert compute.calls == 1
    assert set(first) == set(second) == {"a", "b"}
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert only_file(folder).name == "one-1.npz"


def test_other_names_have_other_files(folder: Path) -> None:
    compute = Counted()
    cached("one", compute)
    cached("two", compute)
    assert compute.calls == 2
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "text", "torn", "flipped", "array", "pickle"])
def test_corrupt_file_is_computed_and_written_again(folder: Path, damage: str) -> None:
    compute = Counted()
    cached("one", compute)
    path = only_file(folder)
    content = path.read_bytes()
    if damage == "array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif damage == "pickle":
        with path.open("wb") as file:
            np.savez(file, a=np.array([{}], dtype=object))
    else:
        middle = len(content) // 4
        flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
        wrong = {"empty": b"", "text": b"no archive", "torn": content[:-40], "flipped": flipped}
        path.write_bytes(wrong[damage])
    assert set(cached("one", compute)) == {"a", "b"}
    assert compute.calls == 2
    assert np.array_equal(cached("one", compute)["a"], np.arange(3.0))
    assert compute.calls == 2


def test_folder_that_cannot_be_made_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocking = tmp_path / "file"
    blocking.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocking))
    compute = Counted()
    assert set(cached("one", compute)) == set(cached("one", compute)) == {"a", "b"}
    assert compute.calls == 2


def test_failed_write_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    assert set(cached("one", Counted())) == {"a", "b"}
    assert list(folder.iterdir()) == []


def test_home_is_used_without_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    cached("one", Counted())
    assert only_file(tmp_path / ".cache" / "pinnml").name == "one-1.npz"


@pytest.mark.parametrize("name", ["", "../one", "a/b", ".hidden", "a b"])
def test_name_that_is_no_file_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DeclarationError, match="file name"):
        cached(name, Counted())
