"""Notification groups and notices as people and scripts see them. No view holds a URL: it is a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from redrive.core.dates import zone
from redrive.sdk.calling import Level
from redrive.sdk.fields import Duration
from redrive.service.views import View

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
NoticeStatus = Literal["waiting", "sent", "failed"]


class Url(View):
    """Where a message goes, as an Apprise URL: as it is (it is sealed and never shown again), or taken from
    an environment variable or a file when a message is sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(None, min_length=4, max_length=4000, description="An Apprise URL.")
    env: str | None = Field(None, min_length=1, max_length=200, description="Environment variable.")
    file: str | None = Field(None, min_length=1, max_length=1000, description="File.")

    @model_validator(mode="after")
    def _one(self) -> Url:
        if sum(one is not None for one in (self.url, self.env, self.file)) != 1:
            raise ValueError("expected one of url, env and file")
        return self


class QuietHoursView(View):
    """Nothing is sent from `start` to `end`, HH:MM; what comes up meanwhile is sent at `end`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: str = Field(pattern=_CLOCK)
    end: str = Field(pattern=_CLOCK)
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _known(self) -> QuietHoursView:
        zone(self.timezone)
        if self.start == self.end:
            raise ValueError("quiet hours that end when they start are none")
        return self


class GroupRequest(View):
    """What a notification group is to be. What is left out stays as it is, of a new group the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: list[Url] | None = Field(None, min_length=1, max_length=50)
    level: Level | None = Field(None, description="Notices below it are not sent; default info.")
    quiet_period: Duration | None = Field(
        None, description="Equal notices within it become one message with a count; default 10 minutes."
    )
    quiet_hours: QuietHoursView | Literal["none"] | None = None


class GroupView(View):
    """`urls` say where each URL is kept: `sealed (json)`, `env NAME`, `file PATH`."""

    name: str
    urls: list[str]
    level: Level
    quiet_period_s: float
    quiet_hours: QuietHoursView | None
    updated_at: datetime


class TestSent(View):
    """How a test message went, by URL: null where it was sent, else why it was not."""

    sent: bool
    results: dict[str, str | None]


class NoticeView(View):
    """A message to a notification group, which stands for `count` equal ones."""

    id: str
    group: str
    level: Level
    title: str
    message: str
    flow: str
    run: str | None
    step: str | None
    at: datetime
    count: int
    status: NoticeStatus
    due_at: datetime
    tries: int
    error: str | None
    sent_at: datetime | None
