"""The pages in a real browser: everything on them is ours, works with a keyboard, and can be read by all."""

import json
from hashlib import sha256

import pytest

from tests import browser as browsers
from tests.stack import ADMIN_EMAIL

PAGES = {
    "overview": "/",
    "costs": "/costs/",
    "costs-by-account": "/costs/?group_by=account",
    "costs-refused": "/costs/?group_by=colour",
    "savings": "/costs/savings/",
    "carbon": "/costs/carbon/",
    "budget": "/costs/budgets/new/",
    "fleet": "/fleet/",
    "instance": "/fleet/{listed}/?last=7d",
    "instance-mock": "/fleet/{mock}/?last=1h",
    "autoscaler": "/autoscaler/",
    "autoscaler-policy": "/autoscaler/?instance={mock}",
    "replay": "/autoscaler/{mock}/replay/?policy=three_tier&days=1",
    "database": "/database/",
    "database-refused": "/database/?hours=x",
    "pipelines": "/pipelines/",
    "pipelines-refused": "/pipelines/?status=odd",
    "alerts": "/alerts/?state=",
    "settings": "/settings/",
    "error": "/alerts/?page=9999",
    "nowhere": "/nowhere/",
}
"""Each page that is walked, by the name of its picture: `listed` is of the inventory, `mock` is managed."""
MOCK = {"instance_id": "mock-walked", "instance_type": "t2.micro", "region": "mock", "is_mock": True}
REFUSED = ("pipelines-refused", "costs-refused", "database-refused", "error", "nowhere")
"""Answered with an error, which the browser's console says."""
WIDE, NARROW = 1280, 480


@pytest.fixture(scope="module")
def _alert(stack):
    """Something to look after, until the tests are over."""
    told = "severity='warning', title='Nothing is the matter', body='This is a test.', source='test'"
    for call in (f"open('test', {told})", "resolve('test')"):
        done = stack.manage("shell", "-v0", "-c", f"from alerts import services; services.{call}")
        assert done.returncode == 0, done.stderr
        if call.startswith("open"):
            yield


@pytest.fixture(scope="module")
def names(stack):
    """An instance of the inventory, and a mock that had a load."""
    api = stack.session()
    listed = api.get(f"{stack.base_url}/api/v1/inventory/?state=running", timeout=30).json()["results"][0]
    mock = MOCK["instance_id"]
    load = {"instance_id": mock, "cpu_utilization": 95, "duration_minutes": 10}
    api.post(f"{stack.base_url}/api/instances/", json=MOCK, timeout=30).raise_for_status()
    api.post(f"{stack.base_url}/api/metrics/simulate", json=load, timeout=30).raise_for_status()
    api.patch(f"{stack.base_url}/api/instances/{mock}/monitor/start", timeout=30).raise_for_status()
    yield {"listed": listed["instance_id"], "mock": mock}
    api.delete(f"{stack.base_url}/api/instances/{mock}", timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def browser(stack, _alert, tmp_path_factory):
    """A browser in which the administrator is logged in."""
    with browsers.started(stack.base_url, tmp_path_factory.mktemp("profile")) as started:
        started.log_in(ADMIN_EMAIL, stack.admin_password())
        yield started


@pytest.fixture(params=["light", "dark"])
def theme(request, browser):
    browser.open("/settings/")
    browser.wear(request.param)
    browser.complaints()
    return request.param


@pytest.fixture(params=PAGES)
def page(request):
    return request.param


def test_axe_is_what_is_on_record():
    (record,) = json.loads((browsers.AXE.parent / "VENDORED.json").read_text()).values()
    assert sha256(browsers.AXE.read_bytes()).hexdigest() == record["sha256"]
    assert (browsers.AXE.parent / record["licence_file"]).is_file()


def test_a_login_leads_to_the_page_that_was_wanted(stack, tmp_path):
    with browsers.started(stack.base_url, tmp_path) as stranger:
        stranger.open("/costs/?start=2026-01-01&end=2026-02-01")
        assert stranger.path.startswith("/login/?next=")
        assert stranger.barriers() == []
        browsers.keep_picture(stranger, "login-light-1280")
        stranger.one("#id_username").send_keys(ADMIN_EMAIL)
        stranger.one("#id_password").send_keys(stack.admin_password())
        stranger.one("main button").click()
        stranger.until(lambda: stranger.path == "/costs/?start=2026-01-01&end=2026-02-01")
        assert stranger.complaints() == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_each_page_is_whole(browser, names, theme, page, width):
    browser.resize(width)
    browser.open(PAGES[page].format(**names))
    assert browser.one("h1").is_displayed()
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.barriers() == []
    expected = [each for each in browser.complaints() if "status of 4" not in each or page not in REFUSED]
    assert expected == []
    browsers.keep_picture(browser, f"{page}-{theme}-{width}")


def test_the_theme_is_chosen_and_kept(browser, theme):
    other = {"light": "dark", "dark": "light"}[theme]
    before = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.one("[data-theme-toggle]").click()
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != before
    browser.open("/alerts/")
    assert browser.one("html").get_attribute("data-theme") == other


def test_the_theme_is_chosen_in_the_settings_and_can_be_left_to_the_system(browser, theme):
    browser.open("/settings/")
    chosen = "[data-theme-choice='{}']".format
    assert browser.one(chosen(theme)).get_attribute("aria-pressed") == "true"
    browser.one(chosen("")).click()
    assert browser.run("return document.documentElement.dataset.theme ?? null") is None
    assert browser.run("return localStorage.getItem('cloudintel-theme')") is None
    browser.one(chosen(theme)).click()
    browser.open("/alerts/")
    assert browser.one("html").get_attribute("data-theme") == theme


def test_what_takes_a_while_is_there_a_moment_after_the_page(browser):
    browser.open("/database/")
    browser.until(lambda: "Looked at" in browser.text("#advice"))
    assert int(browser.one("#load").get_attribute("data-points")) == 361
    browser.open("/settings/")
    told = "return document.getElementById('accounts').textContent"
    browser.until(lambda: "one page of Cost Explorer" in browser.run(told))
    assert browser.complaints() == []


def test_a_channel_that_is_refused_can_be_corrected_by_keyboard_alone(browser):
    from selenium.webdriver.common.keys import Keys

    browser.open("/settings/")
    browser.one("#channel-name").send_keys("by keyboard", Keys.TAB, "Webhook", Keys.TAB, "http://127.0.0.1/")
    browser.run("return document.activeElement").send_keys(Keys.ENTER)
    browser.until(lambda: browser.path == "/settings/channels/")
    assert "A webhook needs https." in browser.text("#channel-target-error")
    assert browser.one("#channel-name").get_attribute("value") == "by keyboard"
    assert browser.barriers() == []
    browser.one("#channel-target").clear()
    browser.one("#channel-target").send_keys("https://hooks.example.com/k3y", Keys.ENTER)
    browser.until(lambda: "by keyboard is told of alerts" in browser.text())
    browser.one("[id^='confirm-settings-channels'] summary").send_keys(Keys.ENTER)
    browser.one("[id^='confirm-settings-channels'] button").send_keys(Keys.ENTER)
    browser.until(lambda: "by keyboard is deleted." in browser.text())
    browser.complaints()  # the refusal is one


def test_paper_shows_the_content_alone_and_charts_as_the_light_theme_has_them(browser):
    browser.open("/settings/")
    browser.wear("dark")
    browser.open("/database/")
    pixels = "return document.querySelector('#load canvas').toDataURL()"
    before = browser.run(pixels)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        hidden = ("header.bar", "form.filters", "main form.action button")
        assert [browser.one(each).is_displayed() for each in hidden] == [False] * len(hidden)
        assert browser.one("#events").is_displayed()
        browser.until(lambda: browser.run(pixels) != before)
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_chart_is_drawn_and_drawn_anew_in_the_other_theme(browser, theme):
    browser.resize(WIDE)
    browser.open("/costs/")
    chart = browser.one("[data-chart]")
    assert int(chart.get_attribute("data-points")) == len(browser.all("#trend-data tbody tr"))
    pixels = "return arguments[0].querySelector('canvas').toDataURL()"
    before = browser.run(pixels, chart)
    browser.one("[data-theme-toggle]").click()
    browser.until(lambda: browser.run(pixels, chart) != before)
    assert browser.complaints() == []


def test_parts_of_a_day_stand_on_each_other_and_the_legend_has_their_own_figures(browser):
    from selenium.webdriver import ActionChains

    browser.resize(WIDE)
    browser.open("/costs/?group_by=account")
    ActionChains(browser.driver).move_to_element(browser.one("#trend .u-over")).perform()
    day, *legend = browser.until(lambda: [each.text for each in browser.all("#trend .u-legend .u-value")])
    rows = [row.get_attribute("textContent") for row in browser.all("#trend-data tbody tr")]
    (row,) = [each for each in rows if day in each]
    figures = [each for each in legend if each.startswith("$")]
    assert len(figures) >= 2
    assert all(each in row for each in figures)
    assert browser.complaints() == []


_FIGURE = """
const [data, done] = arguments;
const written = [];
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    written.push([text, Math.round(x), Math.round(y)]);
    return write.call(this, text, x, y);
};
const place = document.createElement("div");
place.innerHTML =
    "<figure data-chart><div class='plot'></div><script type='application/json'></script></figure>";
place.querySelector("script").textContent = JSON.stringify(data);
document.querySelector("main").append(place);
document.body.dispatchEvent(new CustomEvent("htmx:afterSwap", {bubbles: true, detail: {target: place}}));
setTimeout(() => {
    CanvasRenderingContext2D.prototype.fillText = write;
    const canvas = place.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let red = 0;
    for (let at = 0; at < pixels.length; at += 4) red += pixels[at] > 150 && pixels[at + 2] < 60;
    done([written, red]);
}, 300);
"""
_SHOWN = {
    "daily": False,
    "unit": "",
    "digits": 2,
    "low": 0,
    "high": None,
    "stacked": False,
    "marks": [],
    "spans": [],
}


def tried(browser, values, **shown):
    """Draw the figures, a minute apart, in orange: what was written, by its place, and the orange pixels."""
    browser.resize(WIDE)
    browser.open("/alerts/")
    line = {"label": "load", "kind": "line", "colour": 2, "missing": "unknown", "bridged": False}
    every = 86_400 if shown.get("daily") else 60
    at = [1_800_000_000 // every * every + every * place for place in range(len(values))]
    data = _SHOWN | {"at": at, "series": [line | {"values": values}]} | shown
    return browser.driver.execute_async_script(_FIGURE, data)


def test_a_figure_without_neighbours_is_drawn(browser):
    _, nothing = tried(browser, [None, None, None, None])
    _, something = tried(browser, [None, 5, None, None])
    assert (nothing, something > 5) == (0, True)


def test_bytes_are_told_in_whole_units(browser):
    texts, _ = tried(browser, [1e6, 9e6, 2e7, 2.4e7], unit="B")
    sizes = [text for text, *_ in texts if text.endswith("MiB")]
    assert len(sizes) >= 2
    assert all(size.endswith(".0 MiB") for size in sizes)


def test_marks_that_are_close_have_their_names_below_each_other(browser):
    moment = 1_800_000_000
    marks = [
        {"at": moment + after, "label": "x", "tone": "info", "name": f"M{after}"} for after in (0, 1, 120)
    ]
    texts, _ = tried(browser, [1] * 60, marks=marks)
    first, second, apart = (next(y for text, _, y in texts if text == mark["name"]) for mark in marks)
    assert first < second
    assert first == apart


def test_a_single_day_is_not_followed_by_years(browser):
    texts, _ = tried(browser, [57.8], daily=True)
    assert "01-15" in [text for text, *_ in texts]


def test_an_operator_makes_a_budget_and_takes_it_away(browser):
    browser.resize(WIDE)
    browser.open("/costs/budgets/new/")
    browser.one("#id_name").send_keys("Walked")
    browser.one("#id_amount").send_keys("123.45")
    browser.one("main button").click()
    browser.until(lambda: "The budget “Walked” holds." in browser.text())
    row = next(each for each in browser.all("[aria-label=Budgets] tbody tr") if "Walked" in each.text)
    assert "$123.45" in row.text
    row.find_element("css selector", "details summary").click()
    row.find_element("css selector", "details button").click()
    browser.until(lambda: "The budget “Walked” is gone." in browser.text())
    assert browser.complaints() == []


def test_the_overview_tells_of_health_once_it_was_looked_at(browser):
    browser.open("/")
    found = browser.until(lambda: browser.all("#health .words") and browser.text("#health"))
    assert found.split()[:2] == ["Database", "ok"]
    assert browser.complaints() == []


def test_the_keyboard_reaches_the_content_first_and_then_all_pages(browser):
    from selenium.webdriver.common.keys import Keys

    browser.open("/alerts/")
    focused = "return document.activeElement"
    browser.one("body").send_keys(Keys.TAB)
    skip = browser.run(focused)
    assert skip.get_attribute("href").endswith("#content")
    assert skip.is_displayed()
    reached = []
    for _ in range(12):
        browser.run(focused).send_keys(Keys.TAB)
        reached.append(browser.run(focused).get_attribute("href"))
    links = [link.get_attribute("href") for link in browser.all("nav[aria-label=Pages] a")]
    assert [each for each in reached if each in links][-len(links) :] == links


def test_runs_follow_what_happens_without_reloading(browser, stack):
    browser.resize(WIDE)
    browser.open("/pipelines/")
    browser.run("window.neverReloaded = true")
    started = stack.session().post(f"{stack.base_url}/sync-ec2", timeout=30).json()["run_id"]
    browser.until(lambda: browser.all(f"#run-{started}"), within_s=30)
    browser.until(lambda: "succeeded" in browser.text(f"#run-{started}"), within_s=60)
    assert browser.run("return window.neverReloaded")
    assert browser.complaints() == []


def test_a_simulated_load_shows_up_as_a_decision_on_the_chart_without_reloading(browser):
    from selenium.webdriver.common.keys import Keys

    browser.resize(WIDE)
    browser.open("/autoscaler/")
    for field, typed in (
        ("instance_id", "mock-simulated"),
        ("instance_type", "t2.micro"),
        ("region", "mock"),
    ):
        browser.one(f"#register_{field}").send_keys(typed)
    browser.one("#register_region").send_keys(Keys.ENTER)
    browser.until(lambda: "mock-simulated is registered" in browser.text())
    browser.one("#do-autoscaler-mock-simulated-start").send_keys(Keys.ENTER)
    browser.until(lambda: "mock-simulated is monitored from now on" in browser.text())
    browser.open("/fleet/mock-simulated/?last=1h")
    browser.run("window.neverReloaded = true")
    browser.one("#simulate_cpu_utilization").send_keys(Keys.ENTER)
    browser.until(lambda: "20 simulated samples with 95 % CPU" in browser.text("#simulated"))
    browser.until(lambda: "scale up" in browser.text("#decisions"), within_s=90)
    marks = "JSON.parse(document.querySelector('#cpu-data script').textContent).marks"
    marked = f"return {marks}.map((each) => each.label)"
    browser.until(lambda: "scale up" in browser.run(marked), within_s=30)
    drawn = browser.one("#cpu")
    browser.until(lambda: int(drawn.get_attribute("data-marks")) == len(browser.run(marked)))
    (decision,) = [row for row in browser.all("#decisions tbody tr[id]") if "applied" in row.text]
    assert "Sustained scale up: CPU > 90%" in decision.text
    browser.until(lambda: "150 %" in browser.text("#standing"))
    assert browser.run("return window.neverReloaded")
    assert browser.complaints() == []
    browsers.keep_picture(browser, "simulated")
    browser.open("/autoscaler/")
    browser.one("#confirm-autoscaler-mock-simulated-deregister summary").send_keys(Keys.ENTER)
    browser.one("#do-autoscaler-mock-simulated-deregister").send_keys(Keys.ENTER)
    browser.until(lambda: "mock-simulated is forgotten" in browser.text())
