from __future__ import annotations

import enum
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinnml.errors import DeclarationError
from pinnml.io import atomic_path, prepare_folder, read_json, write_bytes, write_json
from pinnml.setup import HistoryRow, located


class Colour(enum.Enum):
    RED = 1


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_path_replaces_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.csv"]


def test_atomic_path_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.csv"]


def test_the_content_is_synced_before_the_new_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            events.append(name)
            return call(*args)

        return wrapper

    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", noted("replace", os.replace))
    write_bytes(tmp_path / "a", b"content")
    assert events[:2] == ["fsync", "replace"]


def kept_twice(folder: Path) -> None:
    for content in ("second", "third"):
        with atomic_path(folder / "a.pt", keep=folder / "a-previous.pt") as temporary:
            temporary.write_text(content)


def test_no_moment_is_without_the_file_where_the_one_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pt").write_text("first")
    seen: list[bool] = []
    for name in ("replace", "link", "unlink"):
        call = getattr(os, name)

        def watched(*args: Any, call: Callable[..., Any] = call, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            finally:
                seen.append((tmp_path / "a.pt").exists())

        monkeypatch.setattr(os, name, watched)
    kept_twice(tmp_path)
    assert len(seen) >= 6 and all(seen)
    assert (tmp_path / "a.pt").read_text() == "third" and (tmp_path / "a-previous.pt").read_text() == "second"
    assert names(tmp_path) == ["a-previous.pt", "a.pt"]


def test_the_file_before_is_kept_without_hard_links_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("no hard links here")

    (tmp_path / "a.pt").write_text("first")
    monkeypatch.setattr(os, "link", refuse)
    kept_twice(tmp_path)
    assert (tmp_path / "a.pt").read_text() == "third" and (tmp_path / "a-previous.pt").read_text() == "second"
    assert names(tmp_path) == ["a-previous.pt", "a.pt"]


def test_two_names_of_one_file_after_a_kill_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("first")
    os.link(tmp_path / "a.pt", tmp_path / "a-previous.pt")
    kept_twice(tmp_path)
    assert (tmp_path / "a.pt").read_text() == "third" and (tmp_path / "a-previous.pt").read_text() == "second"
    assert names(tmp_path) == ["a-previous.pt", "a.pt"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_written_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_bytes(tmp_path / "written", b"\x00\xff")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "written").read_bytes() == b"\x00\xff"


def test_json_round_trip_keeps_every_digit(tmp_path: Path) -> None:
    content = {"loss": 0.1 + 0.2, "tiny": 5e-324, "count": 2**60, "text": "ν [1]", "none": None, "yes": True}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    assert list(read_json(tmp_path / "a.json")) == list(content)


def test_json_takes_what_runs_hold(tmp_path: Path) -> None:
    write_json(
        tmp_path / "a.json",
        {
            "tensor": torch.tensor([1.0, 2.0], dtype=torch.float64),
            "scalar": np.float64(0.1),
            "integer": np.int64(3),
            "array": np.array([[True, False]]),
            "path": Path("runs") / "a",
            "colour": Colour.RED,
            "set": {"walls", "start"},
            "row": HistoryRow(1, 2.0, 3.0, 4.0, 5.0, 6, None),
        },
    )
    content = read_json(tmp_path / "a.json")
    row = content.pop("row")
    assert content == {
        "tensor": [1.0, 2.0],
        "scalar": 0.1,
        "integer": 3,
        "array": [[True, False]],
        "path": os.path.join("runs", "a"),
        "colour": "RED",
        "set": ["start", "walls"],
    }
    assert row["evaluations"] == 6 and row["relative_l2"] is None


def test_json_is_strict_where_a_run_diverged(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"loss": math.nan, "errors": [math.inf, np.float64(-math.inf), 1.0]})

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == {"loss": None, "errors": [None, None, 1.0]}


def test_json_refuses_what_has_no_form_and_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError, match="function"):
        write_json(tmp_path / "a.json", {"f": lambda: 0})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_reading_a_broken_json_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(DeclarationError, match=r"broken\.json"):
        read_json(tmp_path / "broken.json")


def test_prepare_folder_makes_all_folders_and_leaves_them_empty(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "runs" / "burgers")
    assert folder == tmp_path / "runs" / "burgers"
    assert names(folder) == []
    (folder / "history.csv").write_text("kept")
    prepare_folder(folder)
    assert names(folder) == ["history.csv"]


def test_prepare_folder_refuses_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeclarationError, match="file") as caught:
        prepare_folder(tmp_path / "file" / "run")
    assert "name another folder" in str(caught.value)
    with pytest.raises(DeclarationError):
        prepare_folder(tmp_path / "file")


def test_prepare_folder_notices_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DeclarationError, match="No space left"):
        prepare_folder(tmp_path)
    assert names(tmp_path) == []


def test_prepare_folder_refuses_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("a superuser may write everywhere")
    with pytest.raises(DeclarationError, match="locked"):
        prepare_folder(folder)


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("cpu", 0, "cpu"),
        ("cpu", 2, "cpu"),
        ("cuda", 0, "cpu"),
        ("cuda:1", 0, "cpu"),
        ("cuda", 1, "cuda"),
        ("cuda:1", 2, "cuda:1"),
        ("cuda:1", 1, "cuda:0"),
    ],
)
def test_a_run_goes_to_a_device_that_is_here(
    device: str, gpus: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert located(device) == expected
