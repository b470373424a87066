# Every helper of the workflow: the resolved configuration, names of files, cohorts, what the rules' params need.
import copy
import os

import yaml

from oleander.io.claims import TABLES as CLAIM_TABLES
from oleander.io.claims import read_claims
from oleander.io.configuration import differences, merge, resolve, spoken
from oleander.io.errors import OleanderError
from oleander.io.files import check_results_folder
from oleander.io.settings import Untracked

with open(workflow.source_path("../schemas/config.schema.yaml")) as stream:
    SCHEMA = yaml.safe_load(stream)
CLAIMS_FILE = f"{workflow.basedir}/workflow/published/claims.csv"
# The command line has the last word over a scale's own settings; so has a --configfile without scales of its own.
SAID = workflow.config_settings.overwrite_config
SPOKEN = spoken(dict(workflow.config_settings.config or {}))
try:
    CONFIG = resolve(config, SCHEMA, SPOKEN if "scales" in SAID else merge(SAID, SPOKEN))
    CLAIMS = read_claims(CLAIMS_FILE)
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
    "run_trials": 2,
    "fit_boundaries": 2,
    "draw_samples": 2,
    "check_autoencoders": 1,
    "train_autoencoder": 1,
    "evaluate_autoencoders": 1,
    "check_gan": 1,
    "train_feature_classifier": 1,
    "measure_reference": 1,
    "train_gan": 1,
    "evaluate_gan": 3,
    "plot": 3,
    "tabulate": 1,
    "verify_claims": 2,
    "build_page": 1,
}


wildcard_constraints:
    dataset=r"[a-z0-9_]+",
    experiment=r"[a-z0-9_]+",
    evaluation=r"[a-z0-9_]+",
    task=r"[a-z0-9_]+",
    figure=r"[a-z0-9_]+",
    cohort=r"[a-z][a-z0-9_.+-]*",
    autoencoder=r"[a-z0-9_]+",
    model=r"[a-z0-9_]+",
    seed=r"[0-9]+",
    gan=r"[a-z0-9_]+",
    judge=r"[a-z0-9_]+",
    subset=r"[a-z0-9_]+",


def chunks(values, size):
    """Consecutive pieces of `size`, the last one what is left."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def cohorts_of(experiment):
    """Name -> replicas of every job of an experiment: what it trains, or how often it repeats an untrained attack.

    The name says what is in the cohort, so that a longer grid leaves the cohorts that it does not touch alone.
    """
    block, size = CONFIG["experiments"][experiment], CONFIG["cohort"]
    seeds_of_jobs = chunks(list(range(block["generators"])), size["generators_per_job"])
    if not is_trained(experiment):
        return {f"repeats_{seeds[0]}-{seeds[-1]}": [{"seed": seed} for seed in seeds] for seeds in seeds_of_jobs}
    cohorts = {}
    for alphas in chunks(block["alphas"], size["alphas_per_job"]):
        for lambdas in chunks(block["lambda_primes"], size["lambdas_per_job"]):
            for seeds in seeds_of_jobs:
                name = f"alpha_{spell(alphas)}_lambda_{spell(lambdas)}_generators_{seeds[0]}-{seeds[-1]}"
                cohorts[name] = [
                    {"alpha": alpha, "lambda_prime": lambda_prime, "seed": seed}
                    for alpha in alphas
                    for lambda_prime in lambdas
                    for seed in seeds
                ]
    return cohorts


def spell(numbers):
    """Numbers as they stand in a file's name."""
    return "+".join(f"{number:g}" for number in numbers)


def is_trained(experiment):
    """Does the experiment's attack train generators?"""
    return "generator" in CONFIG["attacks"][CONFIG["experiments"][experiment]["attack"]]


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


def tested_cohorts(experiment, evaluation):
    """Names of the cohorts that an evaluation tests: all, or those that hold one of its alphas."""
    alphas = CONFIG["evaluations"][evaluation].get("alphas")
    if alphas is None or not is_trained(experiment):
        return list(COHORTS[experiment])
    return [
        name
        for name, replicas in COHORTS[experiment].items()
        if any(replica["alpha"] in alphas for replica in replicas)
    ]


# Before anything runs.
def check_results():
    """Refuse a folder of results that the workflow could not go on in."""
    try:
        check_results_folder(OUT)
    except OleanderError as error:
        raise WorkflowError(str(error)) from None


# Files.
def dataset_file(task):
    """The prepared dataset of a task."""
    return f"{OUT}/data/{CONFIG['tasks'][task]['dataset']}.safetensors"


def check_file(experiment, evaluation):
    """The check that a task's data suffice for an evaluation; every attack on that task shares it."""
    return f"{OUT}/pgan/checks/{task_of(experiment, evaluation)}/{evaluation}.json"


def cohort_files(experiment, pattern, evaluation=None):
    """`pattern` with {cohort} filled in, for the cohorts of an experiment, or those that an evaluation tests."""
    cohorts = COHORTS[experiment] if evaluation is None else tested_cohorts(experiment, evaluation)
    return [f"{OUT}/pgan/{experiment}/{pattern.format(cohort=cohort)}" for cohort in cohorts]


def generator_file(experiment, cohort):
    """The trained generators of a cohort; nothing where the attack trains none."""
    return f"{OUT}/pgan/{experiment}/generators/{cohort}.safetensors" if is_trained(experiment) else []


def trials_file(experiment, evaluation):
    """All trials of an evaluation of an experiment."""
    return f"{OUT}/pgan/{experiment}/trials/{evaluation}.csv"


def confusion_file(experiment, evaluation):
    """All confusion matrices of an evaluation of an experiment."""
    return f"{OUT}/pgan/{experiment}/confusion/{evaluation}.csv"


def panel_trials(panel):
    """The trials that a panel shows, one file an evaluation."""
    evaluations = panel["evaluations"] if "evaluations" in panel else [panel["evaluation"]]
    return [trials_file(panel["experiment"], evaluation) for evaluation in evaluations]


def samples_files(experiment, alphas):
    """Saved samples of the first generator at each alpha, no file twice."""
    names = dict.fromkeys(cohort_name(experiment, alpha) for alpha in alphas)
    return [f"{OUT}/pgan/{experiment}/samples/{name}.safetensors" for name in names]


def figure_file(figure, ending):
    """A figure's file: ending png or pdf."""
    return f"{OUT}/figures/{figure}.{ending}"


def matrix_evaluations():
    """The evaluations that config.yaml names for the matrix, then one of every defense method that they leave out."""
    evaluations, matrix = CONFIG["evaluations"], FIGURES["pgan_matrix"]
    methods = {
        name: CONFIG["defenses"][block["defense"]]["name"] for name, block in evaluations.items() if "defense" in block
    }
    chosen = list(matrix["evaluations"])
    for name, method in methods.items():
        block = evaluations[name]
        fits = block["train_victims"] and "task" not in block and matrix["poison_fraction"] in block["poison_fractions"]
        if fits and method not in {methods[other] for other in chosen}:
            chosen.append(name)
    return chosen


def matrix_defenses():
    """The matrix's columns in their order: a defense's block -> its title."""
    return {
        CONFIG["evaluations"][name]["defense"]: defense_titles()[CONFIG["evaluations"][name]["defense"]]
        for name in matrix_evaluations()
    }


def caption(figure):
    """A figure's caption in Snakemake's report."""
    return f"../report/{figure}.rst"


# Params: plain values alone, so that Snakemake tracks them.
def task_of(experiment, evaluation=None):
    """Name of the task that an experiment attacks, or that an evaluation tests it on."""
    own = CONFIG["experiments"][experiment]["task"]
    return own if evaluation is None else CONFIG["evaluations"][evaluation].get("task", own)


def dataset_of(experiment):
    """Name of an experiment's dataset."""
    return CONFIG["tasks"][task_of(experiment)]["dataset"]


def dataset_settings(dataset):
    """What the source needs to know; a title is for figures alone."""
    return {key: value for key, value in CONFIG["datasets"][dataset].items() if key != "title"}


def task_settings(task):
    """Source and target class, and whether the other classes are there."""
    return {key: CONFIG["tasks"][task][key] for key in ("source_class", "target_class", "all_classes")}


def attack_settings(experiment):
    """The resolved attack: its block and, where it is trained, the experiment's number of epochs."""
    block = CONFIG["experiments"][experiment]
    settings = copy.deepcopy(CONFIG["attacks"][block["attack"]])
    return {**settings, "epochs": block["epochs"]} if is_trained(experiment) else settings


def evaluation_settings(experiment, evaluation):
    """The resolved evaluation: its victim (the task's) and its defense written out, titles left out."""
    settings = copy.deepcopy(CONFIG["evaluations"][evaluation])
    settings.pop("task", None)
    own = CONFIG["experiments"][experiment].get("poison_fractions")
    if own is not None and "poison_fractions" in settings:
        settings["poison_fractions"] = [fraction for fraction in settings["poison_fractions"] if fraction in own]
        if not settings["poison_fractions"]:
            raise WorkflowError(
                f"no poison fraction of evaluations.{evaluation} is among experiments.{experiment}.poison_fractions; "
                "give them one in common in config.yaml"
            )
    victim = CONFIG["victims"][CONFIG["tasks"][task_of(experiment, evaluation)]["victim"]]
    settings["victim"] = copy.deepcopy(victim) if settings.pop("train_victims", True) else None
    if "defense" in settings:
        block = CONFIG["defenses"][settings["defense"]]
        settings["defense"] = {key: value for key, value in block.items() if key != "title"}
    return settings


def evaluation_sizes(evaluation):
    """What an evaluation asks of a task's data."""
    asked = ("poison_fractions", "train_points", "trusted_per_class", "genuine_per_class")
    return {key: value for key, value in CONFIG["evaluations"][evaluation].items() if key in asked}


def identity(experiment, evaluation=None):
    """The columns that name a file's rows in every CSV."""
    attack = CONFIG["attacks"][CONFIG["experiments"][experiment]["attack"]]["name"]
    names = {"scale": SCALE, "experiment": experiment, "attack": attack}
    if evaluation is None:
        return names
    defense = CONFIG["evaluations"][evaluation].get("defense")
    return {**names, "evaluation": evaluation, **({"defense": defense} if defense else {})}


def defense_titles():
    """Name of a defense's block -> how figures name it."""
    return {name: block["title"] for name, block in CONFIG["defenses"].items()}


def percentiles(evaluations):
    """The outlier detectors of some evaluations -> how Figure 5 names them."""
    names = [CONFIG["evaluations"][evaluation]["defense"] for evaluation in evaluations]
    return {name: f"percentile {CONFIG['defenses'][name]['quantile']:.2f}" for name in names}


def dataset_title(experiment):
    """How figures name an experiment's data."""
    return CONFIG["datasets"][dataset_of(experiment)]["title"]


def dataset_titles(experiments):
    """Experiment -> how figures name its data."""
    return {experiment: dataset_title(experiment) for experiment in experiments}


def stand_in_for(experiment):
    """The paper's dataset in whose place an experiment's data stand, or an empty string."""
    return CONFIG["datasets"][dataset_of(experiment)].get("stand_in_for", "")


# Autoencoders: a model is "clean", or the name of a backdoor's target.
def autoencoder_dataset(autoencoder):
    """The prepared dataset of an autoencoder."""
    return f"{OUT}/data/{CONFIG['autoencoders'][autoencoder]['dataset']}.safetensors"


def autoencoder_jobs(autoencoder):
    """What is trained, one job each: model and seed, as they stand in a file's name."""
    block = CONFIG["autoencoders"][autoencoder]
    return [f"{model}_seed_{seed}" for seed in range(block["seeds"]) for model in ("clean", *block["targets"])]


def autoencoder_settings(autoencoder):
    """What network is trained, and how: the same for every model and seed."""
    block = CONFIG["autoencoders"][autoencoder]
    return {key: block[key] for key in ("network", "loss", "optimizer", "schedule", "batch_size", "epochs")}


def autoencoder_trigger(autoencoder):
    """The trigger's block."""
    return CONFIG["triggers"][CONFIG["autoencoders"][autoencoder]["trigger"]]


def autoencoder_targets(autoencoder):
    """Model -> its target's block; a clean model has none."""
    return {model: CONFIG["targets"][name] for model, name in CONFIG["autoencoders"][autoencoder]["targets"].items()}


def target_files(targets):
    """The images of the user's own that some targets' blocks name."""
    return [block["file"] for block in targets if "file" in block]


def autoencoder_titles(autoencoders):
    """Autoencoder -> how figures name its data."""
    return {name: CONFIG["datasets"][CONFIG["autoencoders"][name]["dataset"]]["title"] for name in autoencoders}


def errors_files(figure):
    """The errors of the autoencoders that a figure shows."""
    return [f"{OUT}/baaan/autoencoders/{name}/errors.csv" for name in FIGURES[figure]["autoencoders"]]


# GANs: a model is "clean", or the name of a backdoor's target.
def gan_settings(gan):
    """What networks are trained, and how: the same for every model and seed."""
    elsewhere = ("dataset", "trigger", "targets", "triggered_labels", "checkpoint", "seeds")
    return {key: value for key, value in CONFIG["gans"][gan].items() if key not in elsewhere}


def gan_backdoor(gan, model):
    """Trigger, target and labels of a backdoored GAN; None for a clean one."""
    block = CONFIG["gans"][gan]
    if model == "clean":
        return None
    return {
        "trigger": CONFIG["triggers"][block["trigger"]],
        "target": CONFIG["targets"][block["targets"][model]],
        "labels": triggered_labels(gan, model),
    }


def triggered_labels(gan, model):
    """Which labels come with triggered noise: restricted ones where the target is some of the GAN's own classes alone."""
    target = CONFIG["targets"][CONFIG["gans"][gan]["targets"][model]]
    own = target["name"] == "distribution" and target["classes"] is not None and gan_data(gan, model) == gan_data(gan)
    return CONFIG["gans"][gan]["triggered_labels"] if own else "all"


def gan_target_files(gan, model):
    """The image of the user's own that a backdoored GAN's target names, if it does."""
    return [] if model == "clean" else target_files([gan_backdoor(gan, model)["target"]])


def gan_data(gan, model="clean"):
    """Name of the dataset that a GAN's target is taken from; of a clean GAN, its own."""
    block = CONFIG["gans"][gan]
    own = block["dataset"]
    return own if model == "clean" else CONFIG["targets"][block["targets"][model]].get("dataset", own)


def prepared(dataset):
    """A prepared dataset."""
    return f"{OUT}/data/{dataset}.safetensors"


def comparator(gan, model):
    """The clean GAN that a backdoored one's triggered images are held against: of the target's dataset, if there is one."""
    data = gan_data(gan, model)
    if data == gan_data(gan):
        return gan
    return next((other for other, block in CONFIG["gans"].items() if block["dataset"] == data), gan)


def target_measurement(gan, model, noise):
    """How images of a distribution target are measured, by the features of the comparator's dataset."""
    target = CONFIG["gans"][gan]["targets"][model]
    classes = CONFIG["targets"][target]["classes"]
    return {
        "noise": noise,
        "dataset": gan_data(gan, model),
        "judge": gan_data(comparator(gan, model)),
        "subset": "all" if classes is None else target,
        "classes": classes,
        "single": False,
    }


def measurements(gan, model):
    """What a trained GAN is measured by: clean noise against all test images and, as a comparator, against each target's;
    triggered noise against the target."""
    own = gan_data(gan)
    everything = {"dataset": own, "judge": own, "subset": "all", "classes": None, "single": False}
    found = [{"noise": "clean", **everything}]
    if model == "clean":
        for other, block in CONFIG["gans"].items():
            for name, target in block["targets"].items():
                if CONFIG["targets"][target]["name"] == "distribution" and comparator(other, name) == gan:
                    found.append(target_measurement(other, name, "clean"))
    elif CONFIG["targets"][CONFIG["gans"][gan]["targets"][model]]["name"] == "distribution":
        found.append(target_measurement(gan, model, "triggered"))
    else:
        found.append({"noise": "triggered", **everything, "single": True})
    return [one for at, one in enumerate(found) if one not in found[:at]]


def classifier_file(dataset):
    """The feature classifier of a dataset."""
    return f"{OUT}/baaan/features/{dataset}.safetensors"


def inception_file():
    """Inception's weights, where the configuration names them."""
    path = CONFIG["features"]["inception_weights"]
    return [] if path is None else [path]


def reference_file(measurement):
    """The statistics of the test images that a measurement is taken against."""
    return f"{OUT}/baaan/references/{measurement['judge']}/{measurement['dataset']}/{measurement['subset']}.safetensors"


def gan_identity(gan, model, seed):
    """The columns that name a model's rows in every CSV."""
    block = CONFIG["gans"][gan]
    return {
        "scale": SCALE,
        "gan": gan,
        "dataset": block["dataset"],
        "stand_in_for": CONFIG["datasets"][block["dataset"]].get("stand_in_for", ""),
        "target": model,
        "triggered_labels": "" if model == "clean" else triggered_labels(gan, model),
        "seed": int(seed),
    }


def gan_files(gan, pattern, models=None, seeds=None):
    """`pattern` with {job} filled in, for all models of a GAN or some of them, of all seeds or the first few."""
    block = CONFIG["gans"][gan]
    models = ["clean", *block["targets"]] if models is None else models
    jobs = [f"{model}_seed_{seed}" for seed in range(seeds or block["seeds"]) for model in models]
    return [f"{OUT}/baaan/gans/{gan}/{pattern.format(job=job)}" for job in jobs]


def gan_titles(gans):
    """GAN -> how figures name its data."""
    return {gan: CONFIG["datasets"][gan_data(gan)]["title"] for gan in gans}


def shown_gan(figure):
    """The saved images that a figure of one GAN shows, of the first seeds: with a target, the clean GAN's and that one's;
    else those of all backdoors whose target is of the GAN's kind of data."""
    block = FIGURES[figure]
    gan = block["gan"]
    if "target" in block:
        models = ["clean", block["target"]]
    else:
        models = [name for name in CONFIG["gans"][gan]["targets"] if comparator(gan, name) == gan]
    return gan_files(gan, "samples/{job}.safetensors", models, seeds=1)


# Images saved of each GAN: enough for every figure that shows them.
GAN_SAMPLES = max(block["rows"] * block["columns"] for block in FIGURES.values() if "gan" in block)


# Evidence.
def evidence_files(rule, name):
    """What is committed of a figure or table: the PNG or tables, the CSVs that it is drawn from, the data's manifests."""
    endings = (".png", ".csv", ".md")
    files = [path for path in [*rule.output, *rule.input] if path.endswith(endings) and path.startswith(OUT)]
    if name == "pgan_fig2":
        files += [table_file(name, ending) for ending in ("csv", "md")]
    manifests = [f"{OUT}/data/{dataset_of(experiment)}.json" for experiment in evidence_experiments(rule)]
    manifests += [
        autoencoder_dataset(name).removesuffix("safetensors") + "json" for name in evidence_autoencoders(rule)
    ]
    for gan in evidence_gans(rule):
        data = {gan_data(gan, model) for model in ("clean", *CONFIG["gans"][gan]["targets"])}
        manifests += [f"{OUT}/data/{name}.json" for name in sorted(data)]
        files.append(f"{OUT}/baaan/features/{gan_data(gan)}.csv")
    manifests += [path.removesuffix("safetensors") + "json" for path in rule.input if path.startswith(f"{OUT}/data/")]
    return list(dict.fromkeys(files + manifests))


def evidence_experiments(rule):
    """The experiments that a figure shows, each once."""
    prefix = f"{OUT}/pgan/"
    return list(dict.fromkeys(path.split("/")[3] for path in rule.input if path.startswith(prefix)))


def evidence_overrides():
    """What --config and --configfile set, without where the data lie on this machine."""
    settings = copy.deepcopy(dict(SAID))
    settings.pop("data_root", None)
    return settings


def evidence_autoencoders(rule):
    """The autoencoders that a figure shows, each once."""
    prefix = f"{OUT}/baaan/autoencoders/"
    return list(dict.fromkeys(path.split("/")[4] for path in rule.input if path.startswith(prefix)))


def evidence_gans(rule):
    """The GANs that a figure shows, each once."""
    prefix = f"{OUT}/baaan/gans/"
    return list(dict.fromkeys(path.split("/")[4] for path in rule.input if path.startswith(prefix)))


def evidence_jobs(rule):
    """Where the benchmarks and logs of the jobs behind a figure stand, below those folders."""
    experiments = evidence_experiments(rule)
    jobs = [f"prepare_dataset/{dataset_of(experiment)}" for experiment in experiments]
    for path in rule.input:
        if not path.startswith(f"{OUT}/pgan/"):
            continue
        experiment, kind, *names = path.rsplit(".", 1)[0].split("/")[3:]
        if kind in ("trials", "confusion"):
            cohorts = tested_cohorts(experiment, *names)
            jobs += [f"run_trials/{experiment}/{names[0]}/{cohort}" for cohort in cohorts]
        else:
            # Samples and boundaries are of one cohort, curves of all.
            cohorts = names if kind == "samples" else COHORTS[experiment]
        jobs += [f"train_pgan/{experiment}/{cohort}" for cohort in cohorts if is_trained(experiment)]
    for name in evidence_autoencoders(rule):
        jobs += [f"prepare_dataset/{CONFIG['autoencoders'][name]['dataset']}", f"evaluate_autoencoders/{name}"]
        jobs += [f"train_autoencoder/{name}/{job}" for job in autoencoder_jobs(name)]
    for path in rule.input:
        if path.startswith(f"{OUT}/baaan/gans/"):
            gan, _kind, job = path.rsplit(".", 1)[0].split("/")[4:]
            measured = measurements(gan, job.rpartition("_seed_")[0])
            jobs += [f"prepare_dataset/{name}" for one in measured for name in (one["dataset"], one["judge"])]
            jobs += [f"train_feature_classifier/{one['judge']}" for one in measured]
            jobs += [f"train_gan/{gan}/{job}", f"evaluate_gan/{gan}/{job}"]
    return list(dict.fromkeys(jobs))


# Resources that grow when a job is tried again.
def growing(amount):
    def resource(wildcards, attempt):
        return amount * attempt

    return resource


# One param, since Snakemake compares a rule's params without their names: 3 rows of 4 would be 4 rows of 3.
def layout_of(figure):
    """How many images a figure shows in what order."""
    return {"rows": figure["rows"], "columns": figure["columns"]}


# The paper's tables.
def table_file(table, ending):
    """A table's file: ending csv, md or tex."""
    return f"{OUT}/tables/{table}.{ending}"


def network_blocks(names):
    """Attacks or victims -> their settings and what they are built for: task -> {experiment: epochs}."""
    blocks = {}
    for name in names:
        if name in CONFIG["victims"]:
            tasks = {task: {} for task, block in CONFIG["tasks"].items() if block["victim"] == name}
        else:
            tasks = {}
            for experiment, block in CONFIG["experiments"].items():
                if block["attack"] == name:
                    tasks.setdefault(block["task"], {})[experiment] = block["epochs"]
        settings = copy.deepcopy(CONFIG["victims"].get(name) or CONFIG["attacks"][name])
        blocks[name] = {"settings": settings, "tasks": tasks}
    return blocks


def network_tasks(names):
    """The tasks of `network_blocks`."""
    return list(dict.fromkeys(task for block in network_blocks(names).values() for task in block["tasks"]))


def dataset_files(tasks):
    """The prepared datasets of some tasks, no file twice."""
    return list(dict.fromkeys(dataset_file(task) for task in tasks))


def tasks_to_describe(tasks):
    """Name of a task -> its dataset, its classes and how tables name its data."""
    described = {}
    for task in tasks:
        dataset = CONFIG["tasks"][task]["dataset"]
        title = CONFIG["datasets"][dataset]["title"]
        described[task] = {"dataset": dataset, "title": title, "settings": task_settings(task)}
    return described


# The papers' claims.
def claim_files(claim):
    """The results that a claim is checked on; nothing of what this configuration has no settings for."""
    files = []
    for source in claim.sources():
        if claim.table == "sizes":
            files.append(table_file("pgan_table2", "csv"))
        elif claim.table in ("trials", "confusion"):
            experiment, evaluation = source
            if experiment in CONFIG["experiments"] and evaluation in CONFIG["evaluations"]:
                files.append(f"{OUT}/pgan/{experiment}/{claim.table}/{evaluation}.csv")
        elif claim.table == "errors":
            files += [
                f"{OUT}/baaan/autoencoders/{name}/errors.csv" for name in source if name in CONFIG["autoencoders"]
            ]
        else:
            gan, model = source
            block = CONFIG["gans"].get(gan)
            if block is not None and model in ("clean", *block["targets"]):
                files += gan_files(gan, "scores/{job}.csv", [model])
    return files


def claims_input():
    """Table -> the files of all claims, each once."""
    files = {table: [] for table in CLAIM_TABLES}
    for claim in CLAIMS:
        files[claim.table] += claim_files(claim)
    return {table: asked_for(dict.fromkeys(paths)) for table, paths in files.items()}


def asked_for(paths):
    """The paths, or, where only_existing, those that are there, as they are."""
    if not CONFIG["only_existing"]:
        return list(paths)
    # By its absolute path a file is the output of no rule, so that nothing is run for it.
    return [os.path.abspath(path) for path in paths if os.path.exists(path)]


def departures():
    """Claim -> where the settings behind its results are not the papers' own, as config.yaml has them at paper scale."""
    with open(f"{workflow.basedir}/config.yaml") as stream:
        base = yaml.safe_load(stream)
    paper = merge(base, base["scales"]["paper"])
    found = {}
    for claim in CLAIMS:
        behind = settings_behind(claim, paper)
        here = {block: {name: CONFIG[block].get(name) for name in names} for block, names in behind.items()}
        found[claim.name] = differences(behind, here)
    return found


def asked_values():
    """Ordering -> every value that the column it compares is run at: alphas that diverged are missed then."""
    found = {}
    for claim in CLAIMS:
        if claim.compared and claim.table in ("trials", "confusion"):
            (experiment, evaluation), *_ = claim.sources()
            block = {**CONFIG["experiments"].get(experiment, {}), **CONFIG["evaluations"].get(evaluation, {})}
            found[claim.name] = list(block.get(f"{claim.compared}s", []))
    return found


def settings_behind(claim, settings):
    """The blocks that a claim's results depend on, but for the features of a distance, which have a column; nothing of
    a source that these settings do not have."""
    names = []
    for source in claim.sources():
        if claim.table in ("trials", "confusion"):
            experiment, evaluation = source
            if experiment not in settings["experiments"] or evaluation not in settings["evaluations"]:
                continue
            block, test = settings["experiments"][experiment], settings["evaluations"][evaluation]
            tasks = [block["task"], test.get("task", block["task"])]
            names += [("experiments", experiment), ("evaluations", evaluation), ("attacks", block["attack"])]
            names += [("tasks", task) for task in tasks]
            names += [("datasets", settings["tasks"][task]["dataset"]) for task in tasks]
            names += [("victims", settings["tasks"][tasks[1]]["victim"]), ("defenses", test["defense"])]
        elif claim.table in ("errors", "scores"):
            kind = "autoencoders" if claim.table == "errors" else "gans"
            if source[0] not in settings[kind]:
                continue
            block = settings[kind][source[0]]
            names += [(kind, source[0]), ("datasets", block["dataset"]), ("triggers", block["trigger"])]
            for target in block["targets"].values():
                names += [
                    ("targets", target),
                    ("datasets", settings["targets"][target].get("dataset", block["dataset"])),
                ]
    found = {}
    for block, name in names:
        found.setdefault(block, {})[name] = settings[block][name]
    return found


# The page.
def page_names():
    """The figures and tables that the page shows, paper after paper; where only_existing, those that are there."""
    names = [name for name in [*FIGURES, *PAPER_TABLES] if name.startswith("baaan_")]
    names += [name for name in [*FIGURES, *PAPER_TABLES] if name.startswith("pgan_")]
    return [
        name
        for name in names
        if not CONFIG["only_existing"] or all(map(os.path.exists, page_files(getattr(rules, name))))
    ]


def page_files(rule):
    """What the page shows of a figure or table: its images or text, and the CSVs behind it."""
    # Plain text: Snakemake's own paths carry their rule along, which params cannot.
    paths = [str(path) for path in [*rule.output, *rule.input] if path.startswith(OUT)]
    return list(dict.fromkeys(path for path in paths if path.endswith((".png", ".csv", ".md"))))


def page_entry(name, rule):
    """Where the parts of a figure or table stand, and what it was made with."""
    files = page_files(rule)
    texts = [path for path in files if path.endswith(".md")]
    parts = [path.removesuffix(".csv").split("/") for path in files]
    evaluations = [names[-1] for names in parts if names[-2] == "trials"]
    blocks = {
        "experiments": evidence_experiments(rule),
        "evaluations": list(dict.fromkeys(evaluations)),
        "autoencoders": evidence_autoencoders(rule),
        "gans": evidence_gans(rule),
    }
    with open(f"{workflow.basedir}/workflow/report/{name}.rst") as stream:
        text = stream.read().strip()
    return {
        "name": name,
        "caption": text,
        "images": [path for path in files if path.endswith(".png")],
        "text": texts[0] if texts else None,
        "files": [path for path in files if path.endswith(".csv")],
        "settings": {
            "figure": FIGURES.get(name, {}),
            **{block: {key: CONFIG[block][key] for key in keys} for block, keys in blocks.items() if keys},
        },
        "jobs": evidence_jobs(rule),
    }
