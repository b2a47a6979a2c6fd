from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench_keeping, bench_log, bench_reference, bench_responsive, bench_shapes, bench_stream


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


@pytest.mark.slow
def test_a_server_is_called_while_it_works(tmp_path: Path) -> None:
    lines = bench_responsive.main(tmp_path, payload_mb=2, idle_s=0.4)
    assert len([line for line in lines if line.startswith("|")]) == 2 + 3 + 2 + 5


@pytest.mark.slow
def test_a_run_log_is_filled_and_asked(tmp_path: Path) -> None:
    lines = bench_log.main(tmp_path, runs=2_000, calls_each=2)
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in lines if line.startswith("| ")}
    assert rows["the newest 50"] == "50 +"
    assert rows["a page in the middle"] == "50 +"
    assert rows["a text in one summary"] in {"0", "1"}
    assert rows["find a key"] == rows["one run"] == "1"
    assert rows["a text in none"] == "0"


@pytest.mark.slow
def test_what_is_kept_is_backed_up_erased_and_taken_away(tmp_path: Path) -> None:
    rows = [line for line in bench_keeping.main(tmp_path, payloads=700) if line.startswith("|")]
    assert len(rows) == 2 + 8
    assert rows[-1].startswith("| a retention that deletes half of the runs | 50 runs, ")
