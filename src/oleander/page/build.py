"""Build one HTML page with every figure, its claims and verdicts, settings and CSVs; it needs no network."""

import base64
import gzip
import io
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError

from oleander.evaluation.claims import VERDICTS, count_verdicts, summary_lines
from oleander.io.claims import DIRECTIONS
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csv, read_csvs
from oleander.plots.claims import write_result

logger = logging.getLogger(__name__)

PACKED = 200_000
"""CSVs with more bytes are compressed."""
LONG = 150_000
"""Images with more bytes in lossless WebP may use lossy WebP."""
BYTES = 15_000_000
"""Larger pages are slow to open, at least on a phone."""


@dataclass(frozen=True)
class Entry:
    """A figure or table of the page.

    Attributes:
        name: of its target, e.g. pgan_fig2.
        paper: short name of its paper, e.g. pGAN.
        title: as in the paper, e.g. Figure 2.
        caption: one sentence.
        images: PNG files; empty for a table.
        text: a Markdown file with a table; None for a figure.
        files: CSVs it is drawn from and its own CSVs: name -> files to concatenate.
        settings: of the jobs behind it.
        seconds: wall time of all jobs behind it; None if not recorded.
        commits: code versions of these jobs.
    """

    name: str
    paper: str
    title: str
    caption: str
    images: list[str]
    text: str | None
    files: dict[str, list[str]]
    settings: dict[str, Any]
    seconds: float | None
    commits: list[str]


def build_page(
    entries: list[Entry],
    missing: list[str],
    papers: dict[str, str],
    verdicts: pd.DataFrame,
    scale: str,
    commit: str,
    confidence: float,
) -> str:
    """Build the page's HTML; equal files give equal bytes.

    Args:
        entries: in the order shown.
        missing: names of figures and tables that were not made.
        papers: short name of a paper -> its title, in the order shown.
        verdicts: columns `oleander.evaluation.claims.COLUMNS`.
        scale: name of the scale.
        commit: of this checkout.
        confidence: of the intervals, e.g. 0.95.

    Raises:
        OleanderError: a file is missing or cannot be read.
    """
    claims = [_claim(row) for row in verdicts.to_dict("records")]
    every = {name: paths for entry in entries for name, paths in entry.files.items()}
    files = {name: _file(number, name, paths) for number, (name, paths) in enumerate(every.items())}
    shown = [_shown(entry, claims, files) for entry in entries]
    with_place = {claim["name"] for entry in shown for claim in entry["claims"]}
    environment = Environment(
        loader=PackageLoader("oleander.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.jinja").render(
        scale=scale,
        commit=commit,
        confidence=f"{confidence * 100:g} %",
        summaries=summary_lines(verdicts),
        counts=count_verdicts(verdicts),
        verdicts=VERDICTS,
        papers=papers,
        entries=shown,
        missing=missing,
        claims=claims,
        elsewhere=[claim for claim in claims if claim["name"] not in with_place],
        files=list(files.values()),
    )
    if len(text) > BYTES:
        logger.warning("the page has %.1f MB and may be slow to open", len(text) / 1e6)
    return text


def entry_of_claim(paper: str, figure: str) -> str | None:
    """Name of the entry for a claim's column `figure`, e.g. pgan_fig5 for Fig5c; None if there is none."""
    found = re.match(r"(Fig|Table)(\d+)", figure)
    return f"{paper.lower()}_{found[1].lower()}{found[2]}" if found else None


def _claim(row: dict[str, Any]) -> dict[str, Any]:
    """A verdict for the template."""
    texts = ("id", "paper", "figure", "section", "dataset", "condition", "quantity", "value", "quote", "reason")
    return {
        **{key: row[key] for key in texts},
        "name": f"{row['id']}{row['part']}",
        "kind": "direction" if row["kind"] in DIRECTIONS else "number",
        "verdict": row["verdict"],
        "why": row["why"],
        "here": write_result(pd.Series(row)),
        "number": "" if pd.isna(row["reproduced"]) else repr(float(row["reproduced"])),
        "n": int(row["n"]),
        "entry": entry_of_claim(row["paper"], row["figure"]),
    }


def _shown(entry: Entry, claims: list[dict[str, Any]], files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    own = [claim for claim in claims if claim["entry"] == entry.name]
    return {
        "name": entry.name,
        "paper": entry.paper,
        "title": entry.title,
        "caption": entry.caption,
        "images": [_picture(path) for path in entry.images],
        "text": None if entry.text is None else _read(entry.text).decode(),
        "claims": own,
        "quotes": list(dict.fromkeys(claim["quote"] for claim in own)),
        "files": [files[name] for name in entry.files],
        "seeds": write_seeds([path for paths in entry.files.values() for path in paths]),
        "settings": yaml.safe_dump(entry.settings, sort_keys=False, allow_unicode=True, width=100),
        "time": write_seconds(entry.seconds),
        "commits": [commit[:12] for commit in entry.commits],
    }


def _file(number: int, label: str, paths: list[str]) -> dict[str, Any]:
    """A CSV for download, compressed if it is long. `label` includes its folders, because many CSVs share a name."""
    content = _read(paths[0]) if len(paths) == 1 else read_csvs(paths).to_csv(index=False, lineterminator="\n").encode()
    name, kind = label.replace("/", "_"), "text/csv"
    if len(content) > PACKED:
        name, kind, content = f"{name}.gz", "application/gzip", gzip.compress(content, mtime=0)
    return {
        "id": f"file-{number}",
        "label": label,
        "name": name,
        "size": f"{max(1, round(len(content) / 1000)):,} kB",
        "address": f"data:{kind};base64,{base64.b64encode(content).decode()}",
    }


def _picture(path: str) -> str:
    """An image as WebP, half of a PNG's size: lossless or, if that is long, the shorter of lossless and lossy."""
    try:
        with Image.open(io.BytesIO(_read(path))) as image:
            pixels = image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise OleanderError(f"{path} is not a readable image ({error}); make it again, then the page") from error
    packed = _pack(pixels, lossless=True)
    if len(packed) > LONG:
        packed = min(packed, _pack(pixels, quality=85), key=len)
    return f"data:image/webp;base64,{base64.b64encode(packed).decode()}"


def _pack(pixels: Image.Image, **options: Any) -> bytes:
    packed = io.BytesIO()
    pixels.save(packed, format="webp", **options)
    return packed.getvalue()


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise OleanderError(f"{path} cannot be read ({error.strerror}); make it again, then the page") from error


def write_seeds(files: list[str]) -> str:
    """The generators, runs and seeds in some CSVs, e.g. "generators 0 to 4, runs 0 to 9"; empty if there are none."""
    found: dict[str, set[int]] = {}
    for path in files:
        table = read_csv(path)
        for column in ("generator", "run", "seed"):
            if column in table:
                found.setdefault(column, set()).update(int(value) for value in table[column].dropna().unique())
    parts = []
    for column, values in found.items():
        if values:
            span = f"{min(values)}" if len(values) == 1 else f"{min(values)} to {max(values)}"
            parts.append(f"{column}{'s' if len(values) > 1 else ''} {span}")
    return ", ".join(parts)


def write_seconds(seconds: float | None) -> str:
    """A wall time in suitable units, e.g. "2 h 05 min"."""
    if seconds is None:
        return "not recorded"
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if seconds >= 90 else f"{seconds:.0f} s"
