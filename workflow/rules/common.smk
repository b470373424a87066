# Every helper of the workflow: the resolved configuration, names of files, cohorts, what the rules' params need.
import copy

import yaml

from oleander.io.configuration import resolve
from oleander.io.errors import OleanderError

with open(workflow.source_path("../schemas/config.schema.yaml")) as stream:
    SCHEMA = yaml.safe_load(stream)
try:
    CONFIG = resolve(config, SCHEMA)
except OleanderError as error:
    raise WorkflowError(str(error)) from None

SCALE = CONFIG["scale"]
OUT = f"results/{SCALE}"
PUBLISHED = f"{workflow.basedir}/workflow/published/published_numbers.csv"

FIGURES = CONFIG["figures"]
# Points saved of every generator: enough for every figure that shows samples.
SAMPLES = max(figure.get("points", figure.get("rows", 0) * figure.get("columns", 0)) for figure in FIGURES.values())

# Bump a stage's number when a change of its code changes its results: that, and no edited comment, runs it again.
VERSIONS = {
    "prepare_dataset": 1,
    "train_pgan": 1,
    "run_trials": 1,
    "fit_boundaries": 1,
    "draw_samples": 1,
    "plot": 1,
    "tabulate": 1,
}


wildcard_constraints:
    dataset=r"[a-z0-9_]+",
    experiment=r"[a-z0-9_]+",
    evaluation=r"[a-z0-9_]+",
    figure=r"[a-z0-9_]+",
    cohort=r"[a-z0-9_.+-]+",


def chunks(values, size):
    """Consecutive pieces of `size`, the last one what is left."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def cohorts_of(experiment):
    """Name -> replicas of every training job of an experiment.

    The name says what is in the cohort, so that a longer grid leaves the cohorts that it does not touch alone.
    """
    block = CONFIG["experiments"][experiment]
    cohorts = {}
    for alphas in chunks(block["alphas"], CONFIG["cohort"]["alphas_per_job"]):
        for seeds in chunks(list(range(block["generators"])), CONFIG["cohort"]["generators_per_job"]):
            spelled = "+".join(f"{alpha:g}" for alpha in alphas)
            name = f"alpha_{spelled}_lambda_{block['lambda_prime']:g}_generators_{seeds[0]}-{seeds[-1]}"
            cohorts[name] = [
                {"alpha": alpha, "lambda_prime": block["lambda_prime"], "seed": seed}
                for alpha in alphas
                for seed in seeds
            ]
    return cohorts


COHORTS = {experiment: cohorts_of(experiment) for experiment in CONFIG["experiments"]}


def cohort_name(experiment, alpha, generator=0):
    """The cohort that holds one replica of an experiment."""
    for name, replicas in COHORTS[experiment].items():
        if any(replica["alpha"] == alpha and replica["seed"] == generator for replica in replicas):
            return name
    raise WorkflowError(
        f"experiment {experiment} has no generator {generator} at alpha {alpha:g} at scale {SCALE}; "
        f"add the alpha to experiments.{experiment}.alphas in config.yaml"
    )


# Files.
def dataset_file(experiment):
    """The prepared dataset of an experiment."""
    return f"{OUT}/data/{dataset_of(experiment)}.safetensors"


def cohort_files(experiment, pattern):
    """`pattern` with {cohort} filled in, for every cohort of an experiment."""
    return [f"{OUT}/pgan/{experiment}/{pattern.format(cohort=cohort)}" for cohort in COHORTS[experiment]]


def samples_files(experiment, alphas):
    """Saved samples of the first generator at each alpha, no file twice."""
    names = dict.fromkeys(cohort_name(experiment, alpha) for alpha in alphas)
    return [f"{OUT}/pgan/{experiment}/samples/{name}.safetensors" for name in names]


def figure_file(figure, ending):
    """A figure's file: ending png or pdf."""
    return f"{OUT}/figures/{figure}.{ending}"


# Params: plain values alone, so that Snakemake tracks them.
def dataset_of(experiment):
    """Name of an experiment's dataset."""
    return CONFIG["tasks"][CONFIG["experiments"][experiment]["task"]]["dataset"]


def dataset_settings(dataset):
    """What the source needs to know; a title is for figures alone."""
    return {key: value for key, value in CONFIG["datasets"][dataset].items() if key != "title"}


def task_settings(experiment):
    """Source and target class."""
    task = CONFIG["tasks"][CONFIG["experiments"][experiment]["task"]]
    return {key: task[key] for key in ("source_class", "target_class")}


def attack_settings(experiment):
    """The resolved attack: its block and the experiment's number of epochs."""
    block = CONFIG["experiments"][experiment]
    return {**copy.deepcopy(CONFIG["attacks"][block["attack"]]), "epochs": block["epochs"]}


def evaluation_settings(evaluation):
    """The resolved evaluation, with its victim and defense written out."""
    settings = copy.deepcopy(CONFIG["evaluations"][evaluation])
    settings["victim"] = copy.deepcopy(CONFIG["victims"][settings["victim"]])
    if "defense" in settings:
        settings["defense"] = copy.deepcopy(CONFIG["defenses"][settings["defense"]])
    return settings


def identity(experiment):
    """The columns that name a file's rows in every CSV."""
    attack = CONFIG["attacks"][CONFIG["experiments"][experiment]["attack"]]["name"]
    return {"scale": SCALE, "experiment": experiment, "attack": attack}


def dataset_title(experiment):
    """How figures name an experiment's data."""
    return CONFIG["datasets"][dataset_of(experiment)]["title"]


def dataset_titles(experiments):
    """Experiment -> how figures name its data."""
    return {experiment: dataset_title(experiment) for experiment in experiments}


def stand_in_for(experiment):
    """The paper's dataset in whose place an experiment's data stand, or an empty string."""
    return CONFIG["datasets"][dataset_of(experiment)].get("stand_in_for", "")


# Resources that grow when a job is tried again.
def growing(amount):
    def resource(wildcards, attempt):
        return amount * attempt

    return resource
