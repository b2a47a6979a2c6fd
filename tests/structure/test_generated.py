"""What is generated from the code is what the code says today."""

from __future__ import annotations

from tools.docs import REFERENCE, stale, write


def test_the_reference_pages_are_fresh():
    assert not stale(), "run `make docs`"


def test_a_stale_page_is_noticed_and_mended(tmp_path):
    write(tmp_path)
    assert not stale(tmp_path)
    (tmp_path / "settings.md").write_text("old")
    (tmp_path / "errors.md").unlink()
    (tmp_path / "gone.md").write_text("of a shape that no longer exists")
    assert stale(tmp_path) == ["errors.md", "gone.md", "settings.md"]
    write(tmp_path)
    assert not stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in REFERENCE.iterdir()}
