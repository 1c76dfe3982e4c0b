"""Run folders as somebody would make them who means harm, and good ones changed at random."""

from __future__ import annotations

import copy
import io
import math
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

CHECKPOINT = "checkpoint.pt"


def ways(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of nested dictionaries and lists."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path] * bool(path) + [way for key, value in inner for way in ways(value, (*path, key))]


def at(data: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        data = data[key]
    return data


def nested(depth: int) -> Any:
    data: Any = 1
    for _ in range(depth):
        data = [data]
    return data


def strange_tensors(value: Any, chance: random.Random) -> list[Any]:
    """Tensors of other shapes, types, numbers and layouts than this one."""
    x = value if isinstance(value, torch.Tensor) else torch.ones(3, dtype=torch.float64)
    bad = x.clone().reshape(-1).double()
    if len(bad):
        bad[chance.randrange(len(bad))] = chance.choice([math.nan, math.inf, -math.inf, 1e300, -1.0, 0.0])
    return [
        bad.reshape(x.shape), bad, x[None], x.float(), x.long(), x.bool(), x.reshape(-1)[:-1], x.new_zeros(0), -x,
        x.reshape(-1).flip(0).reshape(x.shape), x.to(torch.complex128), x.to(torch.float16), x.to_sparse() if x.ndim else x,
        x.to("meta"), torch.ones(1, dtype=x.dtype).expand(10**12), torch.zeros(10**6), x * 1e200, torch.nn.Parameter(x.double()),
    ]  # fmt: skip


def strange(value: Any, chance: random.Random) -> Any:
    """Something in the place of a value."""
    choices: list[Any] = [
        None, True, False, 0, 1, -1, 2**31, 2**63, 10**300, -5, 0.5, math.nan, math.inf, -math.inf, 1e308, -1e-300,
        "", "x", "torch.float64", "\x1b[2J\x1b]0;owned\x07", "a\nb\u202e", "z" * 10**5, b"bytes", [], {}, [1], [[]],
        {"type": "MLP"}, {"type": "Popen", "args": "ls"}, {"type": ["list"]}, {"type": "Compiled"}, {"a": 1}, {1: 2},
        {"type": "Counts", "gradients": 1}, {"type": "Iterations", "limit": 3}, {"type": "Tanh"}, {"type": "Setup"},
        {"type": "Growth", "levels": [], "below": torch.ones(3)}, {"type": "Kept", "growth": None}, nested(50), nested(100),
        torch.device("cpu"), torch.float16, {1, 2}, 1 + 2j, torch.Size([2, 3]),
    ]  # fmt: skip
    if isinstance(value, torch.Tensor) or chance.random() < 0.2:
        choices = strange_tensors(value, chance) * 2 + choices[:10]
    if isinstance(value, int | float) and not isinstance(value, bool):
        choices += [value + 1, -value, value * 10**9, float(value), str(value)] * 4
    return chance.choice(choices)


def mutate_content(content: dict[str, Any], chance: random.Random) -> None:
    """Change one to three values, anywhere."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        way = chance.choice([way for way in ways(content) if way[0] not in ("format", "version")])
        holder, key = at(content, way[:-1]), way[-1]
        match chance.randrange(8):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(at(content, chance.choice(ways(content))))
            case 2 if isinstance(holder, dict):
                holder[chance.choice(["type", "extra", "\x1b[31m", "x" * 1000])] = holder.pop(key)
            case 3 if isinstance(holder[key], list):
                holder[key] = holder[key] * 2 or [1]
            case 4 if isinstance(holder[key], dict):
                holder[key] = list(holder[key].values())
            case _:
                holder[key] = strange(holder[key], chance)


def mutate_bytes(content: bytes, chance: random.Random) -> bytes:
    """Change, remove, repeat or insert some bytes."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        place, length = chance.randrange(len(changed)), chance.choice([1, 1, 2, 8, 300])
        match chance.randrange(5):
            case 0:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = chance.randbytes(length)
            case 3:
                changed[place : place + length] = chance.choice([b"\xff", b"\0", b"("]) * length
            case _ if chance.random() < 0.3:
                del changed[place:]
        changed = changed or bytearray(b"x")
    return bytes(changed)


def repacked(content: bytes, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The archive with entries changed, and its checksums right again."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", compression) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return target.getvalue()


def pickled(content: bytes, data: bytes) -> bytes:
    """The archive with another structure, such as no torch.save would write."""
    return repacked(content, lambda name, old: data if name.endswith("data.pkl") else old)


def mutate_entry(content: bytes, chance: random.Random) -> bytes:
    """Change one entry of an archive behind its checksum, the structure every other time."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [info.filename for info in archive.infolist() if info.file_size]
    structure = next(name for name in names if name.endswith("data.pkl"))
    chosen = structure if chance.random() < 0.5 else chance.choice(names)
    return repacked(content, lambda name, data: mutate_bytes(data, chance) if name == chosen else data)


def mutate(folder: Path, chance: random.Random) -> str:
    """Change a good folder's files in one of five ways, and return which."""
    path = folder / CHECKPOINT
    content = path.read_bytes()
    kind = chance.choice(["content", "content", "content", "bytes", "entry"])
    if kind == "content":
        loaded = torch.load(io.BytesIO(content), weights_only=True)
        mutate_content(loaded, chance)
        with path.open("wb") as file:
            torch.save(loaded, file)
    else:
        path.write_bytes((mutate_bytes if kind == "bytes" else mutate_entry)(content, chance))
    return kind


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


def many_entries(content: bytes) -> bytes:
    """A directory of 100,000 empty entries."""
    return repacked_with(content, {f"archive/data/x{number}": b"" for number in range(100_000)})


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


ONE = torch.ones(1, dtype=torch.float64)
LONG = struct.pack("<I", 2**31 - 1)

COMPILED = {"type": "MLP", "width": 4, "depth": 1, "activation": {"type": "Compiled", "inner": {"type": "Tanh"}}}
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
    "100,000 entries": data(many_entries),
    "two entries of one name": data(lambda content: repacked_with(content, {"checkpoint/data.pkl": b"\x80\x02}."})),
    "two structures": data(lambda content: repacked_with(content, {"other/data.pkl": b"\x80\x02}."})),
    "a billion parts": data(lambda content: pickled(content, laughing())),
    "nested without end": data(lambda content: pickled(content, b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".")),
    "a million marks": data(lambda content: pickled(content, b"\x80\x02" + b"(" * 10**6 + b".")),
    "a million nothings": data(lambda content: pickled(content, b"\x80\x02](" + b"N" * (10**6) + b"e.")),
    "memory for a memo": data(lambda content: pickled(content, b"\x80\x02}r" + LONG + b".")),
    "memory for a text": data(lambda content: pickled(content, b"\x80\x02}X" + LONG + b"a.")),
    "keys that take long to hash": data(lambda content: pickled(content, b"\x80\x02})" + b"\x85" * 10**5 + b"Ns.")),
    "itself": data(lambda content: pickled(content, b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.")),
    "a number of a thousand digits": data(lambda content: pickled(content, b"\x80\x02}X\x01\x00\x00\x00a\x8a\xff" + b"\x01" * 255 + b"s.")),
    "more numbers than the file": data(stretched),
    "no dictionary": data(lambda content: pickled(content, b"\x80\x02].")),
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
    "layers that do not follow": contents(growth={"type": "Growth", "levels": None, "layers": [{"type": "Layer", "inputs": 9, "outputs": 1}]}),
    "neurons that read elsewhere": contents(growth={"type": "Growth", "levels": [{"type": "RandomFeatures", "weight": torch.ones(2, 1).double(), "bias": torch.ones(2).double(), "read": torch.tensor([10**6])}]}),
    "a compiler in the growth": contents(growth={"type": "Growth", "levels": None, "layers": [{"type": "Layer", "inputs": 2, "outputs": 1, "activation": {"type": "Compiled", "inner": {"type": "Tanh"}}}]}),
    "estimate of nothing": contents(estimate={"type": "Estimate", "relative_l2": {}, "trustworthy": True, "reason": ""}),
    "estimate of another field": contents(assessed={"type": "Estimate", "relative_l2": {"w": 1.0}, "trustworthy": True, "reason": ""}),
    "an error that is no spline": contents(estimate={"type": "Estimate", "relative_l2": {"u": 1.0}, "trustworthy": True, "reason": "", "error": {"type": "DiagonalInverse", "diagonal": ONE, "scaled": ONE}}),
    "exhausted": contents(exhausted=3),
    "generator": contents(generator=torch.ones(5056, dtype=torch.uint8)),
    "generator of another size": contents(generator=torch.ones(3, dtype=torch.uint8)),
    "history of one column": contents(history=torch.ones(3, 1).double()),
    "history that goes back": contents(history=torch.ones(3, 9).double()),
    "history of nothing": contents(history=torch.ones(0, 9).double()),
    "refinements": contents(refinements=[{"type": "Counts"}]),
    "another solver's state": contents(state={"type": "Plateau"}),
    "a state of text": contents(state="state"),
    "a record's field of another type": within("state", memory=3),
    "a memory that a rule without one has": contents(adaptation=3),
    "identity": contents(identity=3),
    "configuration": contents(config=3),
    "a network of a billion layers": config(network={"type": "MLP", "width": 4, "depth": 10**9}),
    "a network of a billion neurons": config(network={"type": "MLP", "width": 10**9, "depth": 1}),
    "a billion waves": config(network={"type": "MLP", "width": 4, "depth": 1, "embedding": WIDE}),
    "a billion harmonics": config(network={"type": "MLP", "width": 4, "depth": 1, "embedding": {"type": "PeriodicEmbedding", "along": "x", "harmonics": 10**9}}),
    "a compiler": config(network=COMPILED),
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
