"""Build one self-contained page with every figure of both papers, its claims and verdicts."""

from pathlib import Path

from oleander.evaluation.claims import read_verdicts
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.provenance import commit_of, job_seconds, training_commits
from oleander.page.build import Entry, build_page

with plain_errors():
    params = snakemake.params
    results = Path("results", params.scale)
    entries = []
    for block in params.entries:
        shown = {key: value for key, value in block.items() if key != "jobs"}
        seconds = job_seconds(results / "benchmarks", block["jobs"])
        commits = training_commits(results / "logs", block["jobs"])
        entries.append(Entry(**shown, seconds=sum(seconds.values()) if seconds else None, commits=commits))
    verdicts = read_verdicts(snakemake.input.claims)
    page = build_page(entries, params.missing, params.papers, verdicts, params.scale, commit_of("."), params.confidence)
    write_text(snakemake.output.page, page)
