"""Run folders as somebody would make them who means harm, by what is wrong with them."""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mutated import CHECKPOINT, pickled, repacked


class Call:
    """What unpickles into a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def save_content(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = torch.load(folder / CHECKPOINT, weights_only=True)
    change(content)
    torch.save(content, folder / CHECKPOINT)


def save_bytes(folder: Path, change: Callable[[bytes], bytes]) -> None:
    (folder / CHECKPOINT).write_bytes(change((folder / CHECKPOINT).read_bytes()))


def stretched(content: bytes) -> bytes:
    """A tensor that claims 2⁴⁰ numbers of a storage that has a few."""

    def change(name: str, data: bytes) -> bytes:
        few, many = b"K" + bytes([17]) + b"\x85", b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85"
        return data.replace(few, many) if name.endswith("data.pkl") else data

    return repacked(content, change)


def laughing() -> bytes:
    """A billion parts in a few hundred bytes: lists of ten times the same list."""
    data = b"\x80\x02}X\x01\x00\x00\x00a]q\x00."[:-1]
    for number in range(1, 12):
        data += b"](" + b"h" + bytes([number - 1])
        data += (b"h" + bytes([number - 1])) * 9 + b"eq" + bytes([number])
    return data + b"s."


def many_entries(content: bytes, count: int = 30_000, prefix: str = "archive/data/x") -> bytes:
    """A directory of so many empty entries."""
    return repacked_with(content, {f"{prefix}{number}": b"" for number in range(count)})


def repacked_with(content: bytes, more: dict[str, bytes]) -> bytes:
    target = io.BytesIO(content)
    with zipfile.ZipFile(target, "a") as archive:
        for name, data in more.items():
            archive.writestr(name, data)
    return target.getvalue()


def in_place(name: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Put something else in the place of a file."""

    def change(folder: Path) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        make(path)

    return change


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        os.truncate(file.fileno(), 40 << 30)


def contents(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: save_content(folder, lambda content: content.update(changes))


def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: save_content(folder, lambda content: content["config"].update(changes))


def within(key: str, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: save_content(folder, lambda content: content[key].update(changes))


def data(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: save_bytes(folder, change)


def structure(opcodes: bytes) -> Callable[[Path], None]:
    """Another pickle in the archive."""
    return data(lambda content: pickled(content, b"\x80\x02" + opcodes))


def grown(**parts: Any) -> Callable[[Path], None]:
    return contents(growth={"type": "Growth", "levels": None} | parts)


def layer(inputs: int, **more: Any) -> dict[str, Any]:
    return {"type": "Layer", "inputs": inputs, "outputs": 1} | more


def estimated(field: str, **more: Any) -> dict[str, Any]:
    return {"type": "Estimate", "relative_l2": {field: 1.0}, "trustworthy": True, "reason": ""} | more


def network(**parts: Any) -> Callable[[Path], None]:
    return config(network={"type": "MLP", "width": 4, "depth": 1} | parts)


ONE = torch.ones(1, dtype=torch.float64)

PARTS = "splines", "displacement"

SPLINES = {"type": "SplineField", "edges": [torch.arange(3.0)] * 2, "degree": 1, "coefficients": torch.ones(1, 9)}
LONG = struct.pack("<I", 2**31 - 1)

FAST = {"type": "Compiled", "inner": {"type": "Tanh"}}
COMPILED = {"type": "MLP", "width": 4, "depth": 1, "activation": FAST}
NEURONS = {"weight": torch.ones(2, 1).double(), "bias": torch.ones(2).double(), "read": torch.tensor([10**6])}
SECANTS = {"type": "SecantMemory"} | {name: torch.ones(1, 9).double() for name in ("s", "y", "products")}
WIDE = {"type": "FourierFeatures", "count": 10**9, "scale": 1.0, "seed": 0}

FILES: dict[str, Callable[[Path], None]] = {
    "pipe": in_place(CHECKPOINT, os.mkfifo),
    "folder": in_place(CHECKPOINT, os.mkdir),
    "link to itself": in_place(CHECKPOINT, lambda path: path.symlink_to(path)),
    "link to endless zeros": in_place(CHECKPOINT, lambda path: path.symlink_to("/dev/zero")),
    "link to a terminal": in_place(CHECKPOINT, lambda path: path.symlink_to("/dev/tty")),
    "dangling link": in_place(CHECKPOINT, lambda path: path.symlink_to("/nowhere")),
    "40 GiB of nothing": in_place(CHECKPOINT, sparse),
}
"""What is put in the place of the checkpoint."""

CONTAINERS: dict[str, Callable[[Path], None]] = {
    "code": contents(message=Call(os.mkdir, "owned")),
    "code in a plain pickle": data(lambda _: pickle.dumps({"message": Call(os.mkdir, "owned")}, protocol=2)),
    "compressed": data(lambda content: repacked(content, lambda _, entry: entry, zipfile.ZIP_DEFLATED)),
    "30,000 entries": data(many_entries),
    "16,000 entries with short names": data(lambda content: many_entries(content, 16_000, "x")),
    "two entries of one name": data(lambda content: repacked_with(content, {"checkpoint/data.pkl": b"\x80\x02}."})),
    "two structures": data(lambda content: repacked_with(content, {"other/data.pkl": b"\x80\x02}."})),
    "a billion parts": data(lambda content: pickled(content, laughing())),
    "nested without end": structure(b"]" * 10**5 + b"a" * (10**5 - 1) + b"."),
    "a million marks": structure(b"(" * 10**6 + b"."),
    "a million nothings": structure(b"](" + b"N" * (10**6) + b"e."),
    "memory for a memo": structure(b"}r" + LONG + b"."),
    "memory for a text": structure(b"}X" + LONG + b"a."),
    "keys that take long to hash": structure(b"})" + b"\x85" * 10**5 + b"Ns."),
    "itself": structure(b"}q\x00X\x01\x00\x00\x00ah\x00s."),
    "a number of a thousand digits": structure(b"}X\x01\x00\x00\x00a\x8a\xff" + b"\x01" * 255 + b"s."),
    "more numbers than the file": data(stretched),
    "no dictionary": structure(b"]."),
    "a structure of nothing": data(lambda content: pickled(content, b"")),
}  # fmt: skip
"""Archives and pickles that are no checkpoint."""

FIELDS: dict[str, Callable[[Path], None]] = {
    "θ of another length": contents(theta=torch.ones(18, dtype=torch.float64)),
    "θ with NaN": contents(theta=torch.full((17,), math.nan, dtype=torch.float64)),
    "θ of whole numbers": contents(theta=torch.ones(17, dtype=torch.int64)),
    "θ of another precision": contents(theta=torch.ones(17)),
    "θ without memory": contents(theta=torch.empty(17, device="meta")),
    "θ sparse": contents(theta=torch.ones(17, dtype=torch.float64).to_sparse()),
    "θ complex": contents(theta=torch.ones(17, dtype=torch.complex128)),
    "θ of 10¹² numbers": contents(theta=ONE.expand(10**12)),
    "negative loss": contents(f=-ONE[0]),
    "loss in a list": contents(f=[1.0]),
    "gradient of another length": contents(grad=torch.ones(3, dtype=torch.float64)),
    "status": contents(status="\x1b[2JHAPPY"),
    "message": contents(message=["text"]),
    "iteration": contents(iteration=-1),
    "iteration and a half": contents(iteration=1.5),
    "time": contents(seconds=math.nan),
    "counts": contents(counts={"type": "Plateau"}),
    "negative counts": within("counts", gradients=-5),
    "no points": contents(points={}),
    "points of another condition": contents(points={"\x1b[31mred": [ONE[None], ONE, {}]}),
    "points of another dimension": contents(points={"pde": [torch.rand(4, 3).double(), torch.ones(4).double(), {}]}),
    "points without weights": contents(points={"pde": [torch.rand(4, 2).double(), ONE, {}]}),
    "negative weights of points": contents(points={"pde": [torch.rand(4, 2).double(), -torch.ones(4).double(), {}]}),
    "a weight": contents(weights={"pde": -1.0}),
    "a weight of nothing": contents(weights={"\x1b[2J": 1.0}),
    "scales": contents(scales=[1.0, 2.0, 3.0]),
    "a scale of zero": contents(scales=[0.0]),
    "growth": contents(growth={"type": "Counts"}),
    "layers that do not follow": grown(layers=[layer(9)]),
    "neurons that read elsewhere": grown(levels=[{"type": "RandomFeatures"} | NEURONS]),
    "a compiler in the growth": grown(layers=[layer(2, activation=FAST)]),
    "estimate of nothing": contents(estimate=estimated("u", relative_l2={})),
    "estimate of another field": contents(assessed=estimated("w")),
    "an error that is no spline": contents(
        estimate=estimated("u", error={"type": "DiagonalInverse", "diagonal": ONE, "scaled": ONE})
    ),
    "an error displaced along no axis": contents(
        estimate=estimated("u", error={"type": "DisplacedField", "axis": 7} | dict.fromkeys(PARTS, SPLINES))
    ),
    "exhausted": contents(exhausted=3),
    "generator": contents(generator=torch.ones(5056, dtype=torch.uint8)),
    "generator of another size": contents(generator=torch.ones(3, dtype=torch.uint8)),
    "history of one column": contents(history=torch.ones(3, 1).double()),
    "history that goes back": contents(history=torch.ones(3, 9).double()),
    "history of nothing": contents(history=torch.ones(0, 9).double()),
    "refinements": contents(refinements=[{"type": "Counts"}]),
    "a state of another length": within("state", memory=SECANTS),
    "another solver's state": contents(state={"type": "Plateau"}),
    "a state of text": contents(state="state"),
    "a record's field of another type": within("state", memory=3),
    "a memory that a rule without one has": contents(adaptation=3),
    "identity": contents(identity=3),
    "configuration": contents(config=3),
    "a network of a billion layers": network(depth=10**9),
    "a network of a billion neurons": network(width=10**9),
    "a billion waves": network(embedding=WIDE),
    "a billion harmonics": network(embedding={"type": "PeriodicEmbedding", "along": "x", "harmonics": 10**9}),
    "a compiler": network(activation=FAST),
    "a network that is a solver": config(network={"type": "LBFGS"}),
    "a solver that is a network": config(solver={"type": "MLP"}),
    "a stop that is none": config(stop=3),
    "points that are none": config(points=3),
    "a seed that is none": config(seed=2**63),
    "a chunk of nothing": config(chunk=0),
    "jets of less than nothing": config(jets=-1),
    "another precision": config(dtype="torch.float16"),
    "a machine of tensors": config(machine={"torch": ONE}),
    "another problem": config(problem="\x1b]0;owned\x07\u202e"),
    "a problem of great length": config(problem="x" * 10**5),
    "equation parameters without end": config(equation_parameters=[[]] * 10**5),
}  # fmt: skip
"""Checkpoints with one field that is wrong."""

HOSTILE = {f"{name} in its place": change for name, change in FILES.items()} | CONTAINERS | FIELDS
