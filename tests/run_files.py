"""What a run folder must hold, and how a picture in it is checked."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

PROMISED = [
    "problem", "network", "parameters", "solver", "device", "dtype", "seed", "seconds", "iterations", "work", "loss",
    "relative_l2", "max_error", "success", "status", "message", "version",
]  # fmt: skip


def png_size(path: Path) -> tuple[int, int]:
    """Check signature, lengths and checksums of every chunk and unpack the picture; return width and height."""
    content, place, kinds, packed = path.read_bytes(), 8, [], b""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        chunk = content[place + 4 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length]) == (zlib.crc32(chunk),)
        kinds.append(chunk[:4])
        packed += chunk[4:] if chunk[:4] == b"IDAT" else b""
        place += 12 + length
    width, height = struct.unpack(">II", content[16:24])
    assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND"
    assert len(zlib.decompress(packed)) == height * (1 + 4 * width)  # four bytes a pixel and one a line
    return width, height
