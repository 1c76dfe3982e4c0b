from __future__ import annotations

from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest

from pinnml.errors import DeclarationError
from pinnml.io.vtu import read_vtu, write_vtu

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = ("t", "x", "y")
SIZES = (4, 6, 5)
CELLS = {1: "line", 2: "quad", 3: "hexahedron"}


def grid(dimension: int) -> list[Array]:
    generator = np.random.default_rng(dimension)
    return [np.sort(generator.standard_normal(size)) for size in SIZES[:dimension]]


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_and_fields_read_back_bit_by_bit(tmp_path: Path, dimension: int) -> None:
    axes, names = grid(dimension), NAMES[:dimension]
    scale = 10.0 ** np.linspace(-300, 300, SIZES[0]).reshape(-1, *[1] * (dimension - 1))
    values = np.random.default_rng(7).standard_normal(SIZES[:dimension]) * scale
    flat = np.arange(values.size, dtype=float) / 3
    write_vtu(tmp_path / "u.vtu", axes, names, {"u": values, "error": flat})
    points, data = read_vtu(tmp_path / "u.vtu")
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dimension)
    assert points.dtype == data["u"].dtype == np.float64
    assert np.array_equal(points[:, :dimension], mesh)
    assert np.array_equal(points[:, dimension:], np.zeros((len(mesh), 3 - dimension)))
    assert np.array_equal(data["u"], values.reshape(-1))
    assert np.array_equal(data["error"], flat)
    assert set(data) == {"u", "error", *names}
    for column, name in enumerate(names):
        assert np.array_equal(data[name], points[:, column])


def test_arrays_longer_than_a_compressed_block_read_back(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 4096 * 2)  # 64 KiB, two whole blocks of the writer
    write_vtu(tmp_path / "u.vtu", [x], ["x"], {"u": np.sin(30 * x)})
    assert np.array_equal(read_vtu(tmp_path / "u.vtu")[1]["u"], np.sin(30 * x))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_cells_fill_the_domain_with_positive_volume(tmp_path: Path, dimension: int) -> None:
    axes = grid(dimension)
    write_vtu(tmp_path / "u.vtu", axes, NAMES[:dimension], {"u": np.zeros(SIZES[:dimension])})
    mesh = meshio.vtu.read(str(tmp_path / "u.vtu"))
    (block,) = mesh.cells
    assert block.type == CELLS[dimension]
    corners = mesh.points[block.data][:, :, :dimension]  # (cells, corners, d)
    # VTK counts around the bottom face, then around the top: the neighbours of corner 0 are 1, 3 and 4.
    edges = corners[:, [1, 3, 4][:dimension]] - corners[:, [0]]
    volumes = np.linalg.det(edges)
    assert len(volumes) == np.prod([size - 1 for size in SIZES[:dimension]])
    assert volumes.min() > 0
    assert volumes.sum() == pytest.approx(np.prod([axis[-1] - axis[0] for axis in axes]), rel=1e-13)
    # Going around a face, neighbours share an edge along one axis.
    for first, second in [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (2, 6)]:
        if second < corners.shape[1] and first < corners.shape[1]:
            assert np.all(np.count_nonzero(corners[:, first] - corners[:, second], axis=1) == 1)


def test_four_coordinates_are_refused(tmp_path: Path) -> None:
    axis = np.linspace(0, 1, 3)
    with pytest.raises(DeclarationError, match=r"1, 2 or 3 coordinates, not 4.*t, x, y, z"):
        write_vtu(tmp_path / "u.vtu", [axis] * 4, ["t", "x", "y", "z"], {})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("axes", "names", "data", "message"),
    [
        ([[0.0, 1.0]], ["x"], {"u": [1.0, 2.0, 3.0]}, r"shape \(3,\)"),
        ([[0.0, 1.0]], ["x"], {"u": [1j, 2.0]}, "complex128"),
        ([[0.0, 1.0]], ["x"], {"x": [1.0, 2.0]}, "rename"),
        ([[1.0, 0.0]], ["x"], {}, "rising order"),
        ([[0.0]], ["x"], {}, "coordinate x"),
        ([[0.0, 1.0]], ["x", "y"], {}, "1 coordinate axes and 2 names"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, axes: Any, names: Any, data: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        write_vtu(tmp_path / "u.vtu", axes, names, data)


@pytest.mark.parametrize("text", ["no XML", "<VTKFile type='ImageData'></VTKFile>"])
def test_a_file_that_is_no_vtu_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "u.vtu").write_text(text)
    with pytest.raises(DeclarationError, match=r"u\.vtu"):
        read_vtu(tmp_path / "u.vtu")
