"""Good run folders changed at random: values of a checkpoint, bytes of its file, bytes behind its checksums."""

from __future__ import annotations

import copy
import functools
import io
import math
import random
import zipfile
from collections.abc import Callable
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
    plain = isinstance(value, torch.Tensor) and value.dtype in (torch.float64, torch.int64, torch.uint8)
    x = value if plain and not (value.is_sparse or value.is_meta) else torch.ones(3, dtype=torch.float64)
    bad = x.clone().reshape(-1).double()
    if len(bad):
        bad[chance.randrange(len(bad))] = chance.choice([math.nan, math.inf, -math.inf, 1e300, -1.0, 0.0])
    return [
        bad.reshape(x.shape), bad, x[None], x.float(), x.long(), x.bool(), x.reshape(-1)[:-1], x.new_zeros(0), -x,
        x.reshape(-1).flip(0).reshape(x.shape), x.to(torch.complex128), x.to(torch.float16), x.to("meta"),
        x.to_sparse() if x.ndim else x, torch.ones(1, dtype=x.dtype).expand(10**12), torch.zeros(10**6), x * 1e200,
        torch.nn.Parameter(x.double()),
    ]  # fmt: skip


def strange(value: Any, chance: random.Random) -> Any:
    """Something in the place of a value."""
    choices: list[Any] = [
        None, True, False, 0, 1, -1, 2**31, 2**63, 10**300, -5, 0.5, math.nan, math.inf, -math.inf, 1e308, -1e-300,
        "", "x", "torch.float64", "\x1b[2J\x1b]0;owned\x07", "a\nb\u202e", "z" * 10**5, b"bytes", [], {}, [1], [[]],
        {"type": "MLP"}, {"type": "Popen", "args": "ls"}, {"type": ["list"]}, {"type": "Compiled"}, {"a": 1}, {1: 2},
        {"type": "Counts", "gradients": 1}, {"type": "Iterations", "limit": 3}, {"type": "Tanh"}, {"type": "Setup"},
        {"type": "Growth", "levels": [], "below": torch.ones(3)}, {"type": "Kept", "growth": None}, nested(50),
        nested(100), torch.device("cpu"), torch.float16, {1, 2}, 1 + 2j, torch.Size([2, 3]),
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


def mutated(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Change a good checkpoint in one of five ways, and return which, with what has become of it."""
    kind = chance.choice(["content", "content", "content", "bytes", "entry"])
    if kind == "content":
        loaded, target = copy.deepcopy(read(content)), io.BytesIO()
        mutate_content(loaded, chance)
        torch.save(loaded, target)
        return kind, target.getvalue()
    return kind, (mutate_bytes if kind == "bytes" else mutate_entry)(content, chance)


@functools.lru_cache(1)
def read(content: bytes) -> dict[str, Any]:
    """What a good checkpoint holds, read once for thousands of changes."""
    return torch.load(io.BytesIO(content), weights_only=True)
