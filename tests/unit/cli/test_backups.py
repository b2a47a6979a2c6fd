from __future__ import annotations

from pathlib import Path


def test_a_backup_is_written_whole_or_not_at_all(redrive, service, tmp_path):
    result = redrive("backup", "monday.tar", "--json")
    path = tmp_path / "monday.tar"
    assert result.json == {"file": str(path), "size_bytes": 13, "secrets": False}
    assert path.read_bytes() == b"backup, whole"
    assert path.stat().st_mode & 0o077 == 0
    assert service.asked("backups.create") == ((str(path),), {"secrets": False})
    assert redrive("backup", "broken.tar").code == 3
    assert [one.name for one in tmp_path.iterdir()] == ["monday.tar"]


def test_a_file_that_is_there_is_not_written_over(redrive, tmp_path):
    (tmp_path / "monday.tar").write_bytes(b"precious")
    result = redrive("backup", "monday.tar", "--json")
    assert (result.code, result.error["code"]) == (2, "file.exists")
    assert (tmp_path / "monday.tar").read_bytes() == b"precious"


def test_a_backup_names_itself_by_the_time(redrive, service, tmp_path):
    assert redrive("backup", "--include-secrets").code == 0
    (path,) = tmp_path.glob("redrive-2*.tar")
    assert service.asked("backups.create")[1]["secrets"] is True
    assert path.read_bytes() == b"backup, whole"


def test_a_device_is_written_to_as_it_is(redrive):
    assert redrive("backup", "/dev/null", "--json").json["size_bytes"] == 13


def test_backups_are_listed(redrive):
    assert "/mnt/monday.tar" in redrive("backup", "--list").out.splitlines()[1]
    assert redrive("backup", "--list", "--json").json["items"][0]["id"] == "b1"


def test_what_cannot_be_restored(redrive, tmp_path):
    (tmp_path / "notes.txt").write_text("no backup")
    for words, code in (
        (("restore", "none.tar"), "file.unreadable"),
        (("restore", "notes.txt"), "backup.damaged"),
        (("restore", "notes.txt", "--url", "http://127.0.0.1:9"), "usage"),
    ):
        result = redrive(*words, "--json")
        assert (result.code, result.error["code"]) == (2, code)
    assert not Path(tmp_path / "home").exists()
