"""Large: a run of many pages beside its floor, and one payload that does not fit in memory."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.contestant import PRODUCT, Contestant, Setup
from benchmarks.machine import Others, describe
from benchmarks.shop import ShopServer
from benchmarks.shop_server import KEPT_OF_TEN
from benchmarks.work import Shape

SIDES = ("floor (httpx)", "floor (aiohttp)", PRODUCT)
PAGE_ORDERS = 250
ORDER_BYTES = 2_245
BETWEEN = ("paid-only", "erp-form", "batches")


@dataclass(frozen=True)
class Figures:
    wall_s: float
    cpu_s: float
    pulled_mb: float
    posted_mb: float
    kept_mb: float
    memory_mb: float
    steps_s: dict[str, float]


def measure(folder: Path, name: str, shape: Shape, shop: ShopServer) -> Figures:
    """One run of one side in a fresh process and folder."""
    home = folder / f"{name.translate(str.maketrans(' ', '-', '()'))}-{shape.pages or 'one'}"
    home.mkdir()
    with Contestant(Setup(name, str(home), shop.url, shape)) as process:
        process.round(0, 1)  # opened, migrated, documents imported
        kept = process.stored_bytes()
        before = shop.stats()
        done = process.round(1, 1)
        after = shop.stats()
        return Figures(
            wall_s=done.wall_s,
            cpu_s=done.cpu_s,
            pulled_mb=(after["bytes_out"] - before["bytes_out"]) / 1e6,
            posted_mb=(after["bytes_in"] - before["bytes_in"]) / 1e6,
            kept_mb=(process.stored_bytes() - kept) / 1e6,
            memory_mb=process.peak_memory_bytes / 1e6,
            steps_s=done.steps_s,
        )


def main(folder: Path, *, pages: int, payload_mb: int) -> list[str]:
    """Measure; the lines of the report."""
    with ExitStack() as stack:
        shop = stack.enter_context(ShopServer())
        machine = describe(folder)
        batch = PAGE_ORDERS * KEPT_OF_TEN // 10
        long = Shape(orders=PAGE_ORDERS, pages=pages, batch=batch)
        large = Shape(orders=payload_mb * 1_000_000 // ORDER_BYTES // 10 * 10, batch=1000)
        with Others() as others:
            many = {name: measure(folder, name, long, shop) for name in SIDES}
            one = measure(folder, PRODUCT, large, shop)
    ours = many[PRODUCT]
    posted = [side.posted_mb for side in many.values()]
    if max(posted) > 1.05 * min(posted):
        raise RuntimeError(f"the sides post different bodies: {posted} MB")
    head = ["", *SIDES, "x httpx", "x aiohttp", "budget"]
    lines = []
    for title, field, form, budget in (
        ("wall (s)", "wall_s", "{:.1f}", "<= 1.5 x"),
        ("CPU (s)", "cpu_s", "{:.1f}", ""),
        ("pulled (MB)", "pulled_mb", "{:.0f}", ""),
        ("posted (MB)", "posted_mb", "{:.0f}", ""),
        ("kept on disk (MB)", "kept_mb", "{:.1f}", ""),
        ("peak memory (MB)", "memory_mb", "{:.0f}", "<= 250"),
    ):
        values = [getattr(many[name], field) for name in SIDES]
        ratios = [f"{values[-1] / value:.2f} x" for value in values[:-1]]
        lines.append([title, *(form.format(value) for value in values), *ratios, budget])
    shares = [many[name].kept_mb / many[name].pulled_mb for name in SIDES]
    lines.append(["kept / pulled", *(f"{share:.3f}" for share in shares), "", "", "<= 0.3"])
    many_what = (
        f"Pull, filter (keeps {KEPT_OF_TEN} of 10), map, batches of {batch}, posts; {ours.pulled_mb:.0f} MB "
        "pulled. The floor goes page by page, with a commit per step and page; the product step by step, "
        "every page a payload."
    )
    one_what = (
        f"One answer of {one.pulled_mb:.0f} MB through pull, filter, map, batches of {large.batch} and "
        f"{one.posted_mb:.0f} MB of posts."
    )
    between_s = sum(one.steps_s[step] for step in BETWEEN)
    one_rows = [
        ["wall, the whole run (s)", f"{one.wall_s:.1f}", ""],
        ["MB/s of the pulled bytes, the whole run", f"{one.pulled_mb / one.wall_s:.0f}", ""],
        [
            "MB/s of the pulled bytes, filter, map and flow_control",
            f"{one.pulled_mb / between_s:.0f}",
            ">= 60",
        ],
        ["CPU (s)", f"{one.cpu_s:.1f}", ""],
        ["peak memory (MB)", f"{one.memory_mb:.0f}", "<= 256"],
        ["kept / pulled", f"{one.kept_mb / one.pulled_mb:.3f}", ""],
    ]
    steps = [
        [
            step,
            f"{ours.steps_s[step]:.2f}",
            f"{one.steps_s[step]:.2f}",
            f"{one.pulled_mb / one.steps_s[step]:.0f}",
        ]
        for step in one.steps_s
    ]
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        *["", f"## One run of {pages} pages of {PAGE_ORDERS} orders", "", many_what, ""],
        *report.table(head, lines),
        *["", "## One large payload", "", one_what, ""],
        *report.table(["", PRODUCT, "budget (1 GB)"], one_rows),
        *["", "## Where the time goes", ""],
        *report.table(["step", f"{pages} pages (s)", "one payload (s)", "MB/s of the pulled bytes"], steps),
        *["", "Memory is the sum of the peaks of all processes of a side."],
    ]
