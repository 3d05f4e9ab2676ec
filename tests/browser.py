"""A real Chromium, driven as a person would use it, that no page surprises without being noticed."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent / "acceptance" / "vendor" / "axe.min.js"
SERIOUS = ("serious", "critical")
_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)
_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
    (found) => done(found.violations.map((each) => ({
        rule: each.id,
        impact: each.impact,
        nodes: each.nodes.map((node) => `${node.html} ${node.failureSummary}`),
    }))),
    (error) => done([{rule: "axe", impact: "critical", nodes: [String(error)]}]),
);
"""


class Browser:
    """A Chromium with a profile of its own, on one CloudIntel."""

    def __init__(self, driver: Any, base_url: str) -> None:
        self.driver = driver
        self._base_url = base_url

    def open(self, address: str) -> None:
        """Open a page of the site, by its path."""
        self.driver.get(f"{self._base_url}{address}")

    def log_in(self, email: str, password: str) -> None:
        """Log in by the form, from wherever that leads."""
        self.open("/login/")
        self.one("#id_username").send_keys(email)
        self.one("#id_password").send_keys(password)
        self.one("main button").click()
        self.until(lambda: self.path != "/login/")

    @property
    def path(self) -> str:
        """The address of the page that is open, without the site."""
        return str(self.driver.current_url).removeprefix(self._base_url)

    def one(self, selector: str) -> Any:
        """Return the first element that the CSS selector finds. Raises: NoSuchElementException."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        """Return all elements that the CSS selector finds."""
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str = "main") -> str:
        """Return the text that is shown."""
        return str(self.one(selector).text)

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script of the test's, which no policy of the page is for; return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, condition: Callable[[], Any], within_s: float = 20.0) -> Any:
        """Wait until the condition holds, and return what it came to."""
        from selenium.common.exceptions import StaleElementReferenceException

        deadline = time.monotonic() + within_s
        while True:
            found = None
            with suppress(StaleElementReferenceException):
                found = condition()
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {within_s:.0f} s on {self.path}: {self.text()}"
            time.sleep(0.1)

    def wear(self, theme: str) -> None:
        """Take the theme, light or dark, as the button keeps it."""
        self.run("localStorage.setItem('cloudintel-theme', arguments[0])", theme)
        self.driver.refresh()

    def resize(self, width: int, height: int = 900) -> None:
        """Have the window show so many pixels, also where they are fewer than a window has."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """Return what the browser's console said since this was last asked, warnings and errors."""
        return [f"{each['level']} {each['message']}" for each in self.driver.get_log("browser")]

    def barriers(self) -> list[dict[str, Any]]:
        """Return what axe finds serious, or worse, on the page."""
        self.run(AXE.read_text())
        found: list[dict[str, Any]] = self.driver.execute_async_script(_AXE)
        return [each for each in found if each["impact"] in SERIOUS]

    def picture(self, file: Path) -> None:
        """Save all of the page as a PNG."""
        height = self.run("return Math.max(900, document.documentElement.scrollHeight)")
        width = self.run("return innerWidth")
        self.resize(width, min(height, 4000))
        self.driver.save_screenshot(str(file))


@contextmanager
def started(base_url: str, profile: Path) -> Iterator[Browser]:
    """Start a browser, or skip the test where there is none; `BROWSER_PICTURES` keeps what it saw."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed; `make lint` does"
    )
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, where in programs.items() if where is None]:
        pytest.skip(f"there is no {' and no '.join(missing)} on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for switch in (*_SWITCHES, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs["chromedriver"]))
    try:
        yield Browser(driver, base_url)
    finally:
        driver.quit()


def keep_picture(browser: Browser, name: str) -> None:
    """Save the page to the folder that BROWSER_PICTURES names, where it names one."""
    if folder := os.environ.get("BROWSER_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.picture(Path(folder) / f"{name}.png")
