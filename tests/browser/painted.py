"""How long a person waits: from the press, or the start of a page, until what they asked for is painted.

Both ends are taken in the page itself, so what the test needs to press and to look is not in the figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

WATCH = """
() => {
  if (window.asked !== undefined) return
  window.asked = 0
  window.longest = 0
  for (const kind of ['pointerdown', 'click', 'change', 'submit', 'keydown'])
    addEventListener(kind, (event) => { window.asked = event.timeStamp }, { capture: true, passive: true })
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration)
  }).observe({ type: 'longtask', buffered: true })
}
"""
# A frame is painted after its callbacks: a task that was put behind them runs when it is on the screen.
PAINTED = """
([about, mostMs]) => new Promise((done, failed) => {
  const there = THERE
  const begun = performance.now()
  const look = () => {
    if (there(about)) {
      const channel = new MessageChannel()
      channel.port1.onmessage = () => done(performance.now() - window.asked)
      requestAnimationFrame(() => channel.port2.postMessage(0))
    } else if (performance.now() - begun > mostMs) failed(new Error(`not within ${mostMs} ms: ${there}`))
    else requestAnimationFrame(look)
  }
  look()
})
"""
MOST_MS = 60_000


class Waits:
    """The waits of a page, by what was asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taken: dict[str, list[float]] = {}
        page.add_init_script(f"({WATCH})()")

    def opened(self, name: str, url: str, there: str, about: Any = None) -> float:
        """Go to an address, as by a link from elsewhere: scripts are kept by the browser, nothing else is."""
        self.page.goto(url, wait_until="commit")
        return self.until(name, there, about)

    def asked(self, name: str, press: Callable[[], Any], there: str, about: Any = None) -> float:
        """Press something, and wait until the page shows it. `there`: a function of the page, on `about`."""
        self.page.evaluate(f"({WATCH})()")
        press()
        return self.until(name, there, about)

    def until(self, name: str, there: str, about: Any = None) -> float:
        """From the same press on."""
        took = float(self.page.evaluate(PAINTED.replace("THERE", there), [about, MOST_MS]))
        self.taken.setdefault(name, []).append(took)
        return took

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name])

    @property
    def longest_task(self) -> float:
        return float(self.page.evaluate("() => window.longest"))
