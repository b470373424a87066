# What all rules share: the plan of this scale, the stages' versions, wildcards, resources, and outputs of figures.
from oleander.io.errors import OleanderError
from oleander.io.files import check_results_folder, let_jobs_use_utf8
from oleander.workflow import evidence, verification
from oleander.workflow.configuration import Untracked
from oleander.workflow.plan import Plan
from oleander.workflow.sources import check_source
from snakemake.logging import logger

let_jobs_use_utf8()

try:
    PLAN = Plan.read(
        workflow.basedir,
        [dict(workflow.config_settings.overwrite_config)],
        dict(workflow.config_settings.config or {}),
    )
    CLAIMS = verification.all_claims(PLAN)
except OleanderError as error:
    raise WorkflowError(str(error)) from None

# Each job reads this file again; the first reading alone says it.
if workflow.is_main_process:
    for sentence in PLAN.absent():
        logger.warning(sentence)

CONFIG, SCALE, OUT = PLAN.config, PLAN.scale, PLAN.out

# Bump a stage's number when a change of its code changes its results: that, and no edited comment, runs it again.
# docs/extending.md says when.
VERSIONS = {
    "prepare_dataset": 1,
    "check_data": 1,
    "train_attack": 1,
    "run_trials": 2,
    "fit_boundaries": 2,
    "draw_samples": 2,
    "measure_distances": 1,
    "measure_checkpoints": 2,
    "try_checkpoints": 1,
    "train_autoencoder": 1,
    "evaluate_autoencoders": 1,
    "measure_linear_codes": 1,
    "train_feature_classifier": 1,
    "measure_reference": 2,
    "train_gan": 1,
    "evaluate_gan": 4,
    "plot": 5,
    "verify_claims": 4,
    "build_page": 3,
}


wildcard_constraints:
    dataset=r"[a-z0-9_]+",
    features_of=r"[a-z0-9_]+",
    subset=r"[a-z0-9_]+",
    experiment=r"[a-z0-9_]+",
    evaluation=r"[a-z0-9_]+",
    autoencoder=r"[a-z0-9_]+",
    gan=r"[a-z0-9_]+",
    model=r"[a-z0-9_]+",
    seed=r"[0-9]+",
    cohort=r"[a-z][a-z0-9_.+-]*",


def growing(amount):
    """A resource that grows when a job is tried again."""
    return lambda wildcards, attempt: amount * attempt


def experiment(wildcards):
    """The poisoning study of a job."""
    return PLAN.experiments[wildcards.experiment]


def autoencoder(wildcards):
    """The autoencoder study of a job."""
    return PLAN.autoencoders[wildcards.autoencoder]


def gan(wildcards):
    """The GAN study of a job."""
    return PLAN.gans[wildcards.gan]


def same_source(wildcards):
    """No input, but an error if a dataset that is needed was prepared from other files than the user has now.

    Not in a job, since what has begun goes on with what was prepared, and not where it is to be prepared again.
    """
    name, asked = wildcards.dataset, workflow.dag_settings
    forced = asked.forceall or not {"prepare_dataset", PLAN.data_file(name)}.isdisjoint(asked.forcerun)
    forced = forced or (asked.forcetargets and PLAN.data_file(name) in asked.targets)
    if workflow.is_main_process and not forced and not CONFIG.only_existing:
        check_source(name, CONFIG.datasets[name].plain(), CONFIG.data_root, OUT)
    return []


def drawn(name):
    """The outputs of a figure or table; its PNGs that may be published, or Markdown, are in Snakemake's report."""
    shown = {*evidence.pictures_of(name, PLAN).values(), PLAN.tables(name).get("md")}
    labels = {"figure": PLAN.figure_title(name), "shows": PLAN.figure(name).caption}
    paper = CONFIG.papers[PLAN.paper_of(name)].name
    return {
        key: report(path, category=paper, labels=labels) if path in shown else path
        for key, path in {**PLAN.pictures(name), **PLAN.tables(name)}.items()
    }
