"""SIGKILL at random moments: to one job, to Snakemake with all its jobs, or to Snakemake alone while its jobs go on.

A job is stopped first, looked at, then killed, so that its moment is told as it was. While some stand still,
their state is damaged: the file is cut off, or one of its bits flipped.
"""

import random
import re
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from faults.damage import flip_a_bit, truncate
from faults.report import TRACEBACK, Outcome, digests
from faults.runs import PATIENCE, POLL, CampaignError, Job, Run, is_alive
from faults.workplace import RULES, Workplace, kind_of
from workflow_checkout import Checkout

BEFORE, DURING, AFTER = "before its work", "during", "after its results"
SNAKEMAKE = "Snakemake alone"
MOMENTS = (BEFORE, DURING, AFTER)

# One job, all, Snakemake alone: how often of ten.
SHARES = {"job": 6, "all": 3, "snakemake": 1}
AT_MOST = 4
"""Kills of one job in one round, so that a job without states comes to its end."""
ROUNDS = 12

RETRIES = ("--retries", "2", "--keep-going")
"""As the profile for clusters has them."""


@dataclass
class Kills:
    """What was killed, and what followed.

    Attributes:
        made: kills so far.
        by_job: kind of job -> moment -> how often.
        by_what: job, all or snakemake -> how often.
        with_state: of the killed jobs, how many had a state.
        attempts: first line of a log that says that a state was continued from: one an attempt.
        damaged: path of a state -> what was done to it; those that no log has told of yet.
        told: what was done -> how often a log told of it.
        rounds: how often the whole workflow was run to its end.
        repeats: how often Snakemake was run again.
    """

    made: int = 0
    by_job: dict[str, Counter] = field(default_factory=dict)
    by_what: Counter = field(default_factory=Counter)
    with_state: int = 0
    attempts: set[tuple[str, str]] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)
    told: Counter = field(default_factory=Counter)
    rounds: int = 0
    repeats: int = 0

    def count(self, kind: str, moment: str) -> None:
        """One more kill."""
        self.by_job.setdefault(kind, Counter())[moment] += 1

    def missing(self, kinds: set[str]) -> set[str]:
        """Those kinds of job that were never killed at work."""
        return {kind for kind in kinds if not self.by_job.get(kind, Counter())[DURING]}


@dataclass
class _Plan:
    """When one process is to be killed: so many seconds after it was first seen, or after it began its work."""

    wanted: bool
    early: bool
    delay: float
    seen: float
    begun: float | None = None

    def is_due(self, now: float) -> bool:
        start = self.seen if self.early else self.begun
        return self.wanted and start is not None and now - start >= self.delay


class Campaign:
    """Rounds of kills, until there were enough and a log has told of a damaged state.

    Args:
        workplace: with the undisturbed run.
        kills: how many.
        draw: of all random choices.
        samples: a folder for copies of states, to be damaged at leisure.
        each_at_work: whether to go on until every kind of trainer and evaluator was hit at work.
    """

    def __init__(
        self, workplace: Workplace, kills: int, draw: random.Random, samples: Path, each_at_work: bool = True
    ) -> None:
        self.workplace, self.wanted, self.draw, self.samples = workplace, kills, draw, samples
        self.each_at_work = each_at_work
        self.kills = Kills()
        self.outcome = Outcome("SIGKILL at random moments")
        self.state_outcome = Outcome("state damaged between kill and restart")
        self.kinds = {kind for kind in workplace.paces if kind.split(",")[0] in RULES}
        self._orphans: list[int] = []
        self._in_this_round: Counter = Counter()

    def run(self) -> Outcome:
        """Every round; damaged states have an outcome of their own.

        Raises:
            CampaignError: a round does not come to an end, or there are not enough kills in `ROUNDS`.
        """
        while self._is_wanting():
            if self.kills.rounds == ROUNDS:
                raise CampaignError(
                    f"{self.kills.made} kills in {ROUNDS} rounds, none at work of {self._missing() or 'no kind'}; "
                    f"{self.kills.told.total()} damaged states told of"
                )
            before, damaged = self.kills.made, sum(self.kills.told.values())
            fine = self._round()
            made, damaged = self.kills.made - before, sum(self.kills.told.values()) - damaged
            self.outcome.times += made
            self.state_outcome.times += damaged
            if fine:
                self.outcome.survived += made
                self.state_outcome.survived += damaged
        for path, what in self.kills.damaged.items():
            self.state_outcome.times += 1
            self.state_outcome.unclear.append(f"{what}, and no log told of it: {path}")
        return self.outcome

    def _is_wanting(self) -> bool:
        return self.kills.made < self.wanted or bool(self._missing()) or self._undamaged()

    def _undamaged(self) -> bool:
        return not self.kills.told.total()

    def _missing(self) -> set[str]:
        return self.kills.missing(self.kinds) if self.each_at_work else set()

    def _round(self) -> bool:
        """The whole workflow once; True where all came out as undisturbed."""
        self.kills.rounds += 1
        self._in_this_round.clear()
        checkout = self.workplace.checkout(f"killed-{self.kills.rounds}")
        for _ in range(self.wanted + ROUNDS):
            locked, code = self._run(checkout)
            self._read_logs(checkout)
            if code == 0:
                break
            self.kills.repeats += 1
            if locked:
                checkout.succeed("--unlock")
        else:
            raise CampaignError(f"the workflow did not come to its end; it is in {checkout.folder}")
        deadline = time.monotonic() + PATIENCE
        while self._has_orphans() and time.monotonic() < deadline:
            time.sleep(POLL)
        self._orphans.clear()
        fine = self.outcome.compare(self.workplace.expected, digests(checkout.result("")))
        if fine:
            shutil.rmtree(checkout.folder)
        return fine

    def _run(self, checkout: Checkout) -> tuple[bool, int]:
        """Snakemake once: whether it leaves its lock, and its exit code."""
        plans: dict[Job, _Plan] = {}
        with Run(checkout, [*RETRIES, "--", *self.workplace.targets]) as run:
            while run.runs():
                for job in run.jobs():
                    now = time.monotonic()
                    if job not in plans:
                        plans[job] = self._plan(job, now)
                    if plans[job].begun is None and job.has_begun():
                        plans[job].begun = now
                    if plans[job].is_due(now):
                        plans[job].wanted = False
                        if self._kill(run, job):
                            return True, -1
                if self._has_orphans():
                    # A job of the Snakemake that was killed writes into the log that its successor overwrites.
                    self._read_logs(checkout)
                time.sleep(POLL)
            said = run.said()
            self.outcome.expect(TRACEBACK not in said, f"a traceback: {said[-3000:]}")
            return False, run.end()

    def _has_orphans(self) -> bool:
        return any(is_alive(process) for process in self._orphans)

    def _plan(self, job: Job, now: float) -> _Plan:
        kind = kind_of(job.name)
        chance = 0.85 if kind in self.kinds else 0.15
        needed = self.kills.made < self.wanted or kind in self._missing() or (kind in self.kinds and self._undamaged())
        wanted = needed and self._in_this_round[job.name] < AT_MOST and self.draw.random() < chance
        early = self.draw.random() < 0.15
        pace = self.workplace.paces[kind]
        return _Plan(wanted, early, self.draw.uniform(0, pace.imports if early else pace.work), now)

    def _kill(self, run: Run, job: Job) -> bool:
        """Kill as chance has it; True where Snakemake is dead too."""
        what = self.draw.choices(list(SHARES), list(SHARES.values()))[0]
        if what == "snakemake":
            self._orphans += run.abandon()
            self._count(what, SNAKEMAKE, DURING)
            return True
        if not job.stop():
            return False
        self._in_this_round[job.name] += 1
        self._read_logs(run.checkout)
        self.kills.with_state += bool(job.states())
        self._count(what, kind_of(job.name), self._moment(job))
        self._keep_sample(job)
        # Where the same job runs twice, the other process may replace the damaged state before anybody reads it.
        if job.states() and not self._has_orphans() and (self._undamaged() or self.draw.random() < 0.3):
            self._damage(self.draw.choice(job.states()))
        if what == "all":
            run.kill_all()
        else:
            job.kill()
        return what == "all"

    def _count(self, what: str, kind: str, moment: str) -> None:
        self.kills.made += 1
        self.kills.by_what[what] += 1
        self.kills.count(kind, moment)
        print(f"   kill {self.kills.made}: {kind}, {moment} ({what})", flush=True)

    def _moment(self, job: Job) -> str:
        # First the results: a job that ends has closed its log.
        if all((job.results / name).exists() for name in self.workplace.outputs[job.name]):
            return AFTER
        return DURING if job.has_begun() else BEFORE

    def _keep_sample(self, job: Job) -> None:
        for state in job.states():
            copy = self.samples / f"{kind_of(job.name)}.{state.name}"
            if not copy.exists():
                shutil.copyfile(state, copy)

    def _damage(self, state: Path) -> None:
        what, damage = self.draw.choice([("cut off", truncate), ("a bit flipped", flip_a_bit)])
        damage(state, self.draw)
        self.kills.damaged[str(state)] = what

    def _read_logs(self, checkout: Checkout) -> None:
        """Take from the logs who continued from a state, and who found it damaged; the next attempt overwrites them."""
        for log in checkout.result("logs").rglob("*.log"):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines:
                if " continuing from " in line:
                    self.kills.attempts.add((str(log), lines[0]))
                if matched := re.search(r"state not used, starting over: (\S+) is not a complete", line):
                    what = self.kills.damaged.pop(str((checkout.folder / matched[1]).resolve()), None)
                    self.kills.told[what] += what is not None
