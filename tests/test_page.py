"""The page: what it holds, that nothing in it is taken for code, and that it works in a real browser."""

import base64
import gzip
import html
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from browser import Browser
from claim_results import CLAIMS, make_results, truth
from PIL import Image

from oleander.evaluation.claims import VERDICTS, summary_lines, verify_claims
from oleander.io.claims import DIRECTIONS
from oleander.io.errors import OleanderError
from oleander.page.build import Entry, build_page, entry_of_claim, write_seconds, write_seeds
from oleander.workflow.figures import figure_number

PAPERS = {"BAAAN": "Backdoor Attacks Against Autoencoders", "pGAN": "Poisoning Attacks"}
HOSTILE = "<script>console.error('taken for code')</script><img src=x onerror=alert(1)>\" onload=\"x"


def make_entry(folder, name, caption="Test error.", images=1, text=None, rows=3, **more) -> Entry:
    paths = []
    for at in range(images):
        path = folder / f"{name}_{at}.png"
        Image.fromarray(np.full((30, 60, 3), 40 * at + 90, dtype=np.uint8)).save(path)
        paths.append(str(path))
    table = folder / f"{name}.csv"
    pd.DataFrame({"generator": np.arange(rows) % 3, "run": 0, "error": np.arange(rows) / 7}).to_csv(table, index=False)
    settings = {"figure": {"alpha": 0.1}}
    return Entry(
        name=name,
        paper={"pgan": "pGAN", "baaan": "BAAAN"}[name.partition("_")[0]],
        title=figure_number(name),
        caption=caption,
        images=paths,
        text=text,
        files={table.name: [str(table)]},
        settings=settings,
        **{"seconds": 7500.0, "commits": ["c" * 40], **more},
    )


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    """Every verdict at least once: at another scale, on stand-in data, reproduced, missed, and not run."""
    made = []
    for at, (name, claim) in enumerate(CLAIMS.items()):
        if name.startswith("P20"):
            continue
        table = make_results(claim, truth(claim, (1, 1, -1)[at % 3]), noise=(0.02, 8, 0.02)[at % 3])
        if at % 5 == 4:
            table = table.assign(stand_in_for="MNIST")
        made.append(verify_claims([claim], {claim.table: table if at % 7 else pd.DataFrame()}, "laptop", {}, {}, 0.95))
    found = pd.concat(made, ignore_index=True)
    assert set(found["verdict"]) == set(VERDICTS)
    return found


@pytest.fixture(scope="module")
def page(verdicts, tmp_path_factory):
    """The page as a file."""
    folder = tmp_path_factory.mktemp("page")
    markdown = folder / "table.md"
    markdown.write_text(f"| a |\n| {HOSTILE} |\n")
    entries = [
        make_entry(folder, "baaan_fig1"),
        make_entry(folder, "baaan_fig9"),
        make_entry(folder, "pgan_fig2", images=2, caption=f"Rates {HOSTILE}"),
        make_entry(folder, "pgan_fig5", rows=30_000),
        make_entry(folder, "pgan_table2", images=0, text=str(markdown), seconds=None, commits=[]),
        make_entry(folder, "pgan_matrix"),
    ]
    hostile = verdicts.assign(why=HOSTILE, quantity=verdicts["quantity"] + HOSTILE)
    path = folder / "index.html"
    path.write_text(build_page(entries, ["pgan_fig7"], PAPERS, hostile, "laptop", "d" * 40, 0.95), encoding="utf-8")
    return path


class Elements(HTMLParser):
    """Every element with its attributes, and the text of the page outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self._inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_the_page_has_everything(page, verdicts):
    elements = Elements(page.read_text(encoding="utf-8"))
    text = " ".join(" ".join(elements.texts).split())
    for name in ("baaan_fig1", "baaan_fig9", "pgan_fig2", "pgan_fig5", "pgan_table2", "pgan_matrix"):
        assert sum(attributes.get("id") == name for attributes in elements.of("article")) == 1
    assert "pgan_fig7" in text
    # What a number counts for is not added to what a direction does.
    for line in summary_lines(verdicts):
        assert f"{line}." in text
    images = elements.of("img")
    assert len(images) == 6
    assert all(image["alt"] and image["src"].startswith("data:image/webp;base64,") for image in images)
    assert len({image["alt"] for image in images}) == 6
    for row in verdicts.to_dict("records"):
        # In the table, and beside its figure or among those without one.
        assert len(re.findall(rf"\b{row['id']}{row['part']}\b", text)) == 2
    for said in ("2 h 05 min", "c" * 12, "d" * 40, "generators 0 to 2", "not recorded", "alpha: 0.1"):
        assert said in text


def test_nothing_is_loaded_from_elsewhere(page):
    for _tag, attributes in Elements(page.read_text(encoding="utf-8")).found:
        for name in ("src", "href", "data", "action", "srcset"):
            assert attributes.get(name, "#").startswith(("data:", "#")), attributes


def test_nothing_is_taken_for_code(page):
    text = page.read_text(encoding="utf-8")
    elements = Elements(text)
    assert len(elements.of("script")) == 1
    assert not [name for _tag, attributes in elements.found for name in attributes if name.startswith("on")]
    assert html.escape("<script>console.error(", quote=False) in text


def test_csvs_come_back_as_they_were(page):
    links = [link for link in Elements(page.read_text(encoding="utf-8")).of("a") if "download" in link]
    assert len(links) == 6
    packed = 0
    for link in links:
        kind, _, content = link["href"].partition(";base64,")
        content = base64.b64decode(content)
        name = link["download"]
        if name.endswith(".gz"):
            packed += 1
            assert kind == "data:application/gzip"
            content, name = gzip.decompress(content), name.removesuffix(".gz")
        source = next(path for path in page.parent.glob("*.csv") if name.endswith(path.name))
        assert content == source.read_bytes()
    assert packed == 1


def test_the_same_files_give_the_same_page(verdicts, tmp_path):
    entries = [make_entry(tmp_path, "pgan_fig5", rows=30_000)]
    one, other = (build_page(entries, [], PAPERS, verdicts, "demo", "unknown", 0.95) for _time in range(2))
    assert one == other
    (tmp_path / "pgan_fig5_0.png").unlink()
    with pytest.raises(OleanderError, match=r"pgan_fig5_0\.png cannot be read"):
        build_page(entries, [], PAPERS, verdicts, "demo", "unknown", 0.95)


def test_claims_stand_beside_their_figures():
    found = {name: entry_of_claim(claim.texts["paper"], claim.texts["figure"]) for name, claim in CLAIMS.items()}
    assert found["B01"] == "baaan_fig1"
    assert found["B12"] == "baaan_fig1"
    assert found["B16"] == "baaan_fig4"
    assert found["P08"] == "pgan_fig5"
    assert found["P16"] == "pgan_fig15"
    assert found["P20a"] == "pgan_table2"
    assert found["B14"] is None


def test_times_and_seeds_are_written_out(tmp_path):
    assert [write_seconds(value) for value in (None, 3, 600, 3600, 45_300)] == [
        "not recorded",
        "3 s",
        "10 min",
        "1 h 00 min",
        "12 h 35 min",
    ]
    pd.DataFrame({"seed": [0], "mse": [0.1]}).to_csv(tmp_path / "errors.csv", index=False)
    assert write_seeds([str(tmp_path / "errors.csv")]) == "seed 0"


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


SHOWN = "Array.from(document.querySelectorAll('#claims-table tbody tr')).filter((row) => row.offsetHeight > 0)"


def first_cells(browser, column):
    return browser.run(f"{SHOWN}.map((row) => row.cells[{column}].textContent.trim())")


def choose(browser, name, value):
    browser.run(
        f"(() => {{ const one = document.getElementById('{name}'); one.value = {value!r};"
        "one.dispatchEvent(new Event(one.type === 'search' ? 'input' : 'change')); })()"
    )


def test_it_opens_without_complaint_and_without_a_network(browser, page):
    browser.complaints.clear()
    browser.asked.clear()
    browser.open(page)
    images = browser.run(
        "Promise.all(Array.from(document.images).map((one) => one.decode().then(() => one.naturalWidth)))"
    )
    assert images == [60] * 6
    assert browser.complaints == []
    assert {address.partition(":")[0] for address in browser.asked} <= {"file", "data"}
    assert [address for address in browser.asked if address.startswith("file")] == [page.resolve().as_uri()]


def test_the_table_filters(browser, page, verdicts):
    browser.open(page)
    assert len(first_cells(browser, 0)) == len(verdicts)
    for verdict in VERDICTS:
        choose(browser, "choose-verdict", verdict)
        assert set(first_cells(browser, 8)) == {verdict}
        assert len(first_cells(browser, 8)) == (verdicts["verdict"] == verdict).sum()
    choose(browser, "choose-verdict", "")
    for kind, own in (("direction", verdicts["kind"].isin(DIRECTIONS)), ("number", ~verdicts["kind"].isin(DIRECTIONS))):
        choose(browser, "choose-kind", kind)
        assert first_cells(browser, 1) == [kind] * own.sum()
    choose(browser, "choose-kind", "")
    choose(browser, "choose-paper", "pGAN")
    assert len(first_cells(browser, 0)) == (verdicts["paper"] == "pGAN").sum()
    choose(browser, "search", "p10")
    assert first_cells(browser, 0) == ["P10a", "P10b"]
    assert browser.run("document.getElementById('count').textContent") == f"2 of {len(verdicts)} lines"
    choose(browser, "search", "nothing of that name")
    assert first_cells(browser, 0) == []


def test_the_table_sorts(browser, page, verdicts):
    browser.open(page)
    head = "document.querySelectorAll('#claims-table th button')"
    values = dict(zip(verdicts["id"] + verdicts["part"], verdicts["reproduced"], strict=True))
    known = {name: value for name, value in values.items() if not np.isnan(value)}
    for direction in (1, -1):
        browser.run(f"{head}[6].click()")
        order = first_cells(browser, 0)
        sorted_by_value = sorted(known.values(), reverse=direction == -1)
        assert [known[name] for name in order[: len(known)]] == sorted_by_value
        assert set(order[len(known) :]) == set(values) - set(known)
        said = browser.run("document.querySelectorAll('#claims-table th')[6].getAttribute('aria-sort')")
        assert said == ("ascending" if direction == 1 else "descending")
    browser.run(f"{head}[8].click()")
    ranks = [VERDICTS.index(verdict) for verdict in first_cells(browser, 8)]
    assert ranks == sorted(ranks)
    browser.run(f"{head}[0].click()")
    assert first_cells(browser, 0) == sorted(values)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844), (320, 640)])
def test_it_fits_the_screen(browser, page, width, height, tmp_path):
    browser.resize(width, height)
    browser.open(page)
    wide = browser.run(
        "Array.from(document.querySelectorAll('body *')).filter((one) => !one.closest('pre, figure')"
        f" && one.getBoundingClientRect().right > {width} + 1).map((one) => one.outerHTML.slice(0, 200))"
    )
    assert wide == []
    assert browser.run("document.documentElement.scrollWidth") <= width
    # Text of a size that can be read.
    assert browser.run("parseFloat(getComputedStyle(document.querySelector('#claims-table td')).fontSize)") >= 12
    browser.screenshot(tmp_path / "page.png")
    assert len(np.unique(np.asarray(Image.open(tmp_path / "page.png").convert("L")))) > 10


def contrast(browser, selector):
    """The ratio of luminance of an element's text to the page behind it, as WCAG defines it."""
    colours = browser.run(
        f"[getComputedStyle(document.querySelector('{selector}')).color,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    light = []
    for colour in colours:
        parts = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        light.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(light) / min(light)


def test_light_and_dark_can_both_be_read(browser, page):
    backgrounds = []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.open(page)
        backgrounds.append(browser.run("getComputedStyle(document.body).backgroundColor"))
        for selector in ("p", ".soft", "a", ".v0", ".v1", ".v2", ".v3", ".v4", ".v5"):
            assert contrast(browser, selector) >= 4.5, (scheme, selector)
    browser.run("document.getElementById('theme').click()")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == backgrounds[0] != backgrounds[1]


def test_a_click_saves_a_csv(browser, page, tmp_path):
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.open(page)
    browser.run("document.querySelector('#pgan_fig2 a[data-file]').click()")
    for _time in range(200):
        saved = [path for path in tmp_path.iterdir() if path.name.endswith("pgan_fig2.csv")]
        if saved:
            break
        browser.run("new Promise((resolve) => setTimeout(resolve, 50))")
    assert saved[0].read_bytes() == (page.parent / "pgan_fig2.csv").read_bytes()
