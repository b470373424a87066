"""Provenance: which code on which machine produced a result, and how long it took."""

import math
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from oleander.io.tables import read_csv

COST_COLUMNS = ("scale", "target", "jobs", "wall_seconds", "cpu_seconds")
"""Seconds are sums over the jobs; jobs that run in parallel on n cores take about 1/n of that."""

OWNERS = (("experiment", "evaluation"), ("autoencoder", "model"), ("gan", "target"))
"""Columns that identify what a result belongs to."""

LIBRARIES = ("torch", "torchvision", "numpy", "scikit-learn", "snakemake")


def commit_of(checkout: str | os.PathLike[str]) -> str:
    """The commit that a checkout is at, with "+changes" if tracked files were modified.

    "unknown" without git, and where `checkout` is not itself the top of a repository: unpacked inside another one, its
    commit says nothing of this code.
    """
    commands = (
        ["rev-parse", "--show-toplevel"],
        ["rev-parse", "HEAD"],
        ["status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)results"],
    )
    outputs = []
    for command in commands:
        try:
            done = subprocess.run(
                ["git", "-C", checkout, *command], capture_output=True, encoding="utf-8", errors="replace", check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
        outputs.append(done.stdout.strip())
    top, commit, changes = outputs
    if not Path(top).is_dir() or not os.path.samefile(top, checkout):
        return "unknown"
    return commit + ("+changes" if changes else "")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and software versions; no host names or paths."""
    processor = platform.processor() or platform.machine()
    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(":")[2].strip() if models else processor
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (OSError, ValueError):
        memory = None
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def job_seconds(benchmarks: str | os.PathLike[str], jobs: list[str], clock: str = "wall") -> dict[str, float]:
    """Job -> seconds of its last run.

    Jobs without a benchmark file are left out, as are jobs too short for Snakemake to measure their CPU time.

    Args:
        benchmarks: folder of Snakemake's benchmark files.
        jobs: names of files (without .tsv) or of folders in it.
        clock: "wall", or "cpu" for CPU time, which does not depend on the machine's other load.
    """
    folder, column = Path(benchmarks), {"wall": "s", "cpu": "cpu_time"}[clock]
    seconds = {}
    for path in _files_of(folder, jobs, ".tsv"):
        value = float(pd.read_csv(path, sep="\t")[column].iloc[-1])
        if math.isfinite(value):
            seconds[str(path.relative_to(folder).with_suffix(""))] = round(value, 1)
    return seconds


def costs_table(benchmarks: str | os.PathLike[str], jobs: dict[str, list[str]], scale: str) -> pd.DataFrame:
    """The cost of each figure or table on its own, from scratch, including jobs that it shares with others.

    Args:
        benchmarks: as in `job_seconds`.
        jobs: target -> its jobs, as in `job_seconds`, without plotting and gathering, which take seconds.
        scale: name of the scale.

    Returns:
        A table with `COST_COLUMNS`, one row per target.
    """
    rows = []
    for target, names in jobs.items():
        wall, cpu = (job_seconds(benchmarks, names, clock) for clock in ("wall", "cpu"))
        seconds = (round(sum(wall.values()), 1), round(sum(cpu.values()), 1))
        rows.append(dict(zip(COST_COLUMNS, (scale, target, len(wall), *seconds), strict=True)))
    return pd.DataFrame(rows, columns=list(COST_COLUMNS))


def training_commits(logs: str | os.PathLike[str], jobs: list[str]) -> list[str]:
    """The distinct commits named in the logs of `jobs` (as in `job_seconds`)."""
    found = set()
    for path in _files_of(Path(logs), jobs, ".log"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if " commit " in line:
                found.add(line.rpartition(" commit ")[2].strip())
    return sorted(found)


def _files_of(folder: Path, jobs: list[str], ending: str) -> list[Path]:
    """Files with this ending that are one of `jobs` or in one of these folders."""
    return sorted(
        path
        for path in folder.rglob(f"*{ending}")
        if any(str(path.relative_to(folder)) == f"{job}{ending}" or path.is_relative_to(folder / job) for job in jobs)
    )


def precisions_of(files: list[str]) -> list[str]:
    """The distinct training precisions in some CSVs, sorted; empty if no CSV has one."""
    found = set()
    for path in files:
        table = read_csv(path)
        found |= set(table["precision"].dropna()) if "precision" in table else set()
    return sorted(found)


def seeds_of(files: list[str]) -> dict[str, Any]:
    """The seeds of the results in some CSVs.

    Returns:
        experiment/evaluation -> {"generators": [...], "runs": [...]}; autoencoder/model and gan/target -> seeds.
        Other CSVs are ignored.
    """
    found: dict[str, dict[str, set[int]]] = {}
    for path in files:
        table = read_csv(path)
        names = next((names for names in OWNERS if set(names) <= set(table)), None)
        for values, rows in table.groupby(list(names)) if names else ():
            seeds = found.setdefault("/".join(values), {})
            for column in {"generator", "run", "seed"} & set(rows):
                seeds.setdefault(f"{column}s", set()).update(rows[column].tolist())
    listed = {name: {key: sorted(seeds[key]) for key in sorted(seeds)} for name, seeds in found.items()}
    return {name: seeds["seeds"] if list(seeds) == ["seeds"] else seeds for name, seeds in listed.items()}
