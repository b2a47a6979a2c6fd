"""Notification groups over HTTP, on a home, and by command."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from redrive.cli.main import main
from redrive.client import connect
from redrive.client.connecting import Client
from redrive.errors import RedriveError
from redrive.service.group_views import GroupRequest
from tests.integration.server.test_references import served

SECRET = "json://user:hidden-password@127.0.0.1:1/hidden-path"


@asynccontextmanager
async def here(home: Path) -> Any:
    async with connect(home=home) as client:
        yield client


@pytest.mark.parametrize("opened", [here, served], ids=["home", "server"])
async def test_groups_are_kept_without_showing_their_urls(tmp_path: Path, opened: Any) -> None:
    async with opened(tmp_path / "home") as client:
        assert isinstance(client, Client)
        request = GroupRequest.model_validate(
            {"urls": [{"url": SECRET}, {"env": "CHAT_URL"}], "level": "warning", "quiet_period": "30m"}
        )
        made = await client.groups.set("ops", request)
        assert (made.urls, made.level, made.quiet_period_s) == (
            ["sealed (json)", "env CHAT_URL"],
            "warning",
            1800,
        )
        hours = {"start": "22:00", "end": "07:00", "timezone": "Europe/London"}
        changed = await client.groups.set("ops", GroupRequest.model_validate({"quiet_hours": hours}))
        assert (changed.urls, changed.level) == (made.urls, "warning")  # what is left out stays
        assert changed.quiet_hours is not None
        assert [one.name for one in (await client.groups.list()).items] == ["ops"]
        assert await client.groups.get("ops") == changed
        result = await client.groups.test("ops")
        assert not result.sent
        assert result.results["1: env CHAT_URL"] == "the environment variable CHAT_URL is not set"
        assert "hidden" not in changed.model_dump_json() + result.model_dump_json()
        assert (await client.groups.sent()).items == []
        assert (await client.groups.delete("ops")).removed == 1
        with pytest.raises(RedriveError) as caught:
            await client.groups.get("ops")
        assert caught.value.code == "group.unknown"


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("no name", {"urls": [{"url": "json://x"}]}, "'no name' is not a name for a notification group"),
        ("ops", {"level": "error"}, "the notification group ops needs a URL"),
        (
            "ops",
            {"urls": [{"url": "carrier-pigeon://hidden"}]},
            "Apprise does not understand the URL (carrier-pigeon://…)",
        ),
    ],
)
async def test_wrong_groups_are_refused_by_message(
    tmp_path: Path, name: str, request_: dict[str, Any], message: str
) -> None:
    async with here(tmp_path / "home") as client:
        with pytest.raises(RedriveError) as caught:
            await client.groups.set(name, GroupRequest.model_validate(request_))
        assert (caught.value.code, caught.value.detail) == ("group.invalid", message)


def test_groups_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def redrive(*words: str) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path / "home"), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    urls = ("--url", SECRET, "--url", "file:/nowhere")
    code, out, _ = redrive("groups", "set", "ops", *urls, "--quiet-hours", "22:00-07:00", "--json")
    assert code == 0
    assert json.loads(out)["urls"] == ["sealed (json)", "file /nowhere"]
    assert json.loads(out)["quiet_hours"] == {"start": "22:00", "end": "07:00", "timezone": "UTC"}
    code, out, _ = redrive("groups")
    assert code == 0
    assert "22:00-07:00 UTC" in out
    code, out, _ = redrive("groups", "test", "ops")
    assert code == 1
    assert "the file /nowhere cannot be read: No such file or directory" in out
    code, _, err = redrive("groups", "set", "ops", "--quiet-hours", "22-7", "--json")
    assert (code, json.loads(err)["code"]) == (2, "group.invalid")
    code, _, err = redrive("groups", "show", "opps", "--json")
    assert (code, json.loads(err)["hint"]) == (2, "Did you mean 'ops'?")
    code, _, err = redrive("groups", "resend", "n0000000000000", "--json")
    assert (code, json.loads(err)["code"]) == (2, "notice.unknown")
    assert redrive("groups", "delete", "ops", "--yes")[0] == 0
    code, out, err = redrive("groups", "sent")
    assert code == 0
    assert "hidden" not in out + err
