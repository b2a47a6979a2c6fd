"""One table of settings: where values come from, and what a wrong one is told."""

from __future__ import annotations

import pytest

from redrive.errors import ConfigInvalid
from redrive.settings import TABLE, load


def test_defaults_hold_where_nothing_is_given():
    settings = load(environment={})
    assert settings.port == 8765
    assert settings.home is None
    assert {row["source"] for row in settings.rows()} == {"default"}


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "redrive.toml"
    file.write_text("port = 1\nzstd_level = 2\nmax_running_runs = 3\n")
    settings = load(
        environment={"REDRIVE_PORT": "11", "REDRIVE_ZSTD_LEVEL": "12", "PATH": "/bin"},
        file=file,
        options={"port": 18, "host": None},
    )
    assert (settings.port, settings.zstd_level, settings.max_running_runs) == (18, 12, 3)
    assert settings.sources == {"port": "option", "zstd_level": "environment", "max_running_runs": "file"}


def test_a_missing_file_and_an_empty_variable_count_as_not_given(tmp_path):
    settings = load(environment={"REDRIVE_PORT": ""}, file=tmp_path / "redrive.toml")
    assert settings.port == 8765


@pytest.mark.parametrize(
    ("environment", "detail", "hint"),
    [
        ({"REDRIVE_PRT": "1"}, "there is no setting REDRIVE_PRT", "Did you mean REDRIVE_PORT?"),
        ({"REDRIVE_QQQQ": "1"}, "there is no setting REDRIVE_QQQQ", "`redrive settings` lists all settings."),
        ({"REDRIVE_PORT": "http"}, "port must be whole number, not 'http'", None),
        ({"REDRIVE_PORT": "70000"}, "port must be at most 65535, not '70000'", None),
        ({"REDRIVE_ZSTD_LEVEL": "0"}, "zstd_level must be at least 1, not '0'", None),
        ({"REDRIVE_STOP_GRACE_S": "nan"}, "stop_grace_s must be at least 0, not 'nan'", None),
        ({"REDRIVE_LOG_FORMAT": "xml"}, "log_format must be one of text, json, not 'xml'", None),
    ],
)
def test_a_wrong_variable_is_told_with_the_way_out(environment, detail, hint):
    with pytest.raises(ConfigInvalid) as caught:
        load(environment=environment)
    assert caught.value.detail == detail
    assert caught.value.at == next(iter(environment))
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("prot = 1", "there is no setting prot"),
        ('port = "x"', "port must be whole number, not 'x'"),
        ("port = true", "port must be whole number, not True"),
        ("host = 5", "host must be text, not 5"),
        ('home = "/tmp"', "home cannot be set in redrive.toml"),
        ("port = [1", "the file does not parse"),
        ("[server]\nport = 1", "there is no setting server"),
    ],
)
def test_a_wrong_file_is_told_with_its_name(tmp_path, text, detail):
    file = tmp_path / "redrive.toml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load(environment={}, file=file)
    assert detail in caught.value.detail
    assert caught.value.at.startswith(str(file))


def test_a_file_that_is_not_text_is_told(tmp_path):
    file = tmp_path / "redrive.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigInvalid, match="does not parse"):
        load(environment={}, file=file)


def test_whole_numbers_are_numbers():
    assert load(environment={"REDRIVE_STOP_GRACE_S": "3"}).stop_grace_s == 3.0


def test_a_secret_is_never_shown():
    settings = load(environment={"REDRIVE_TOKEN": "abc123"})
    assert settings.token == "abc123"
    assert "abc123" not in repr(settings)
    assert "abc123" not in str(settings.rows())


def test_the_table_is_complete():
    assert len({row.name for row in TABLE}) == len(TABLE)
    settings = load(environment={})
    for row in TABLE:
        value = getattr(settings, row.name)
        assert value is None or row.parse(value, "default") == value
