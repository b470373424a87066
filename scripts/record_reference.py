"""Copy a figure or table, its CSVs and their provenance to the committed results, without images that may not be
published."""

import shutil
import sys
from pathlib import Path

from oleander.io.errors import OleanderError, plain_errors
from oleander.io.files import write_json
from oleander.io.provenance import (
    commit_of,
    job_seconds,
    machine,
    precisions_of,
    seeds_of,
    training_commits,
)
from oleander.io.tables import read_csvs, write_csv

with plain_errors():
    params = snakemake.params
    commit = commit_of(".")
    if "+changes" in commit:
        raise OleanderError("the checkout has changes that are not committed; commit them, then record the evidence")
    output, results = Path(snakemake.output.provenance), Path("results", params.scale)
    for name, sentence in params.withheld.items():
        print(sentence, file=sys.stderr)
        # An earlier one may show them.
        (output.parents[1] / name).unlink(missing_ok=True)
    for name, files in params.kept.items():
        copy = output.parents[1] / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if files == [f"{results}/{name}"] or not name.endswith(".csv"):
            shutil.copyfile(files[0], copy)
        else:
            write_csv(copy, read_csvs(files))
    csvs = [path for files in params.kept.values() for path in files if path.endswith(".csv")]
    wall, cpu = (job_seconds(results / "benchmarks", params.jobs, clock) for clock in ("wall", "cpu"))
    write_json(
        output,
        {
            "command": params.command,
            "overrides": params.overrides,
            "scale": params.scale,
            "settings": params.settings,
            "commit": commit,
            "commits_of_the_jobs": training_commits(results / "logs", params.jobs),
            "machine": machine(),
            "precisions": precisions_of(csvs),
            "wall_seconds_of_all_jobs": round(sum(wall.values())),
            "cpu_seconds_of_all_jobs": round(sum(cpu.values())),
            "wall_seconds": wall,
            "cpu_seconds": cpu,
            "seeds": seeds_of(csvs),
            "files": list(params.kept),
            "withheld": list(params.withheld.values()),
        },
    )
