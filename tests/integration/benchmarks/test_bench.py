from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench_reference, bench_shapes, bench_stream


@pytest.mark.slow
def test_all_sides_do_the_same_calls_and_every_figure_is_reported(tmp_path: Path) -> None:
    # The bench itself raises where a side makes other requests or posts other bodies.
    reference = bench_reference.main(tmp_path, rounds=1, runs=2)
    stream = bench_stream.main(tmp_path, pages=2, payload_mb=2)
    figures = [line for line in (*reference, *stream) if line.startswith("|")]
    assert len(figures) > 20
    assert "nan" not in " ".join(figures)


@pytest.mark.slow
def test_each_shape_is_measured_beside_a_loop(tmp_path: Path) -> None:
    figures = [line for line in bench_shapes.main(tmp_path, payload_mb=1, rounds=1) if line.startswith("|")]
    assert len(figures) == 2 + len(bench_shapes.CASES)
    assert "nan" not in " ".join(figures)
