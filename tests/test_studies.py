"""Studies and figures: what is trained and drawn, from the configuration alone. Nothing here starts Snakemake."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from oleander.defenses import DEFENSES
from oleander.io.claims import parse_conditions
from oleander.io.errors import OleanderError
from oleander.workflow import evidence, verification
from oleander.workflow.figures import figure_number
from oleander.workflow.plan import Plan

ROOT = Path(__file__).parents[1]
SCALES = ("demo", "laptop", "paper")


def plan_of(scale: str = "demo", **overrides) -> Plan:
    return Plan.read(str(ROOT), [overrides], {"scale": scale})


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {scale: plan_of(scale) for scale in SCALES}


def test_a_cohort_is_named_after_what_is_in_it():
    grid = {"alphas": [0.1, 0.3, 0.9], "generators": 3}
    plan = plan_of(cohort={"alphas_per_job": 2, "generators_per_job": 2}, experiments={"mnist": grid})
    cohorts = plan.experiments["mnist"].cohorts
    assert list(cohorts) == [
        "alpha_0.1+0.3_lambda_0.9_generators_0-1",
        "alpha_0.1+0.3_lambda_0.9_generators_2-2",
        "alpha_0.9_lambda_0.9_generators_0-1",
        "alpha_0.9_lambda_0.9_generators_2-2",
    ]
    assert cohorts["alpha_0.1+0.3_lambda_0.9_generators_0-1"] == [
        {"alpha": alpha, "lambda_prime": 0.9, "seed": seed} for alpha in (0.1, 0.3) for seed in (0, 1)
    ]
    every = [tuple(one.values()) for replicas in cohorts.values() for one in replicas]
    assert sorted(every) == sorted((alpha, 0.9, seed) for alpha in (0.1, 0.3, 0.9) for seed in range(3))


def test_a_longer_grid_leaves_the_cohorts_that_it_does_not_touch():
    size = {"alphas_per_job": 1}
    short, longer = (
        plan_of(cohort=size, experiments={"mnist": {"alphas": alphas}}).experiments["mnist"].cohorts
        for alphas in ([0.1, 0.3], [0.1, 0.3, 0.5])
    )
    assert short.items() <= longer.items()
    assert len(longer) == len(short) + 1


def test_an_attack_that_trains_nothing_is_repeated():
    study = plan_of(experiments={"mnist_duplication": {"generators": 2}}).experiments["mnist_duplication"]
    assert not study.is_trained
    assert study.cohorts == {"repeats_0-1": [{"seed": 0}, {"seed": 1}]}
    assert study.generators_file("repeats_0-1") == []
    assert study.trials("effectiveness").jobs == [
        "prepare_dataset/mnist",
        "run_trials/mnist_duplication/effectiveness/repeats_0-1",
    ]


def test_an_evaluation_of_some_alphas_tests_their_cohorts_alone():
    plan = plan_of(cohort={"alphas_per_job": 1}, experiments={"mnist": {"alphas": [0.1, 0.3], "generators": 1}})
    study = plan.experiments["mnist"]
    assert study.tested_cohorts("sever_01") == ["alpha_0.1_lambda_0.9_generators_0-0"]
    assert len(study.trials("effectiveness").files) == 2
    with pytest.raises(OleanderError, match=r"no generator 0 at alpha 0\.7 at scale demo; add the alpha"):
        study.samples([0.7])


def test_an_experiments_own_poison_fractions_cut_its_evaluations():
    study = plan_of().experiments["mnist_random_flipping"]
    assert study.evaluation_settings("undefended")["poison_fractions"] == [0.3]
    with pytest.raises(OleanderError, match=r"no poison fraction of evaluations\.ten_classes is among those"):
        study.evaluation_settings("ten_classes")


def test_triggered_images_are_compared_with_the_clean_gan_of_the_targets_data(plans):
    gans = plans["paper"].gans
    assert gans["cifar10"].comparator("mnist") == "mnist"
    assert gans["cifar10"].data_of("mnist") == "mnist"
    (clean, *targets) = gans["mnist"].measurements("clean")
    assert clean["subset"] == "all"
    assert {one["subset"] for one in targets} == {"mnist_0_to_4"}, "all of MNIST is measured once"
    triggered = gans["cifar10"].measurements("mnist")[1]
    assert (triggered["noise"], triggered["dataset"], triggered["features_of"]) == ("triggered", "mnist", "mnist")
    assert gans["celeba"].comparator("distribution") == "celeba"
    assert gans["mnist"].measurements("single")[1]["single"]


def test_labels_are_restricted_where_the_target_is_some_of_the_gans_own_classes(plans):
    gans = plans["paper"].gans
    restricted = gans["mnist"].own.triggered_labels
    assert gans["mnist"].triggered_labels("distribution") == restricted
    assert gans["cifar10"].triggered_labels("mnist") == "all"
    assert gans["mnist"].triggered_labels("single") == "all"


def test_variants_of_a_backdoor_differ_in_what_they_are_called_after(plans):
    gan = plans["paper"].gans["mnist"]
    default = gan.backdoor("distribution")
    choices = gan.choices("distribution")
    assert len(choices) == len(set(choices.values())) == 4
    for (discriminator, labels), model in choices.items():
        expected = {**default, "discriminator": discriminator, "labels": labels}
        assert gan.backdoor(model) == expected
        assert gan.has(model)
        assert gan.identity(model, "0")["triggered_labels"] == labels
        assert (model == "distribution") == (expected == default), "the default is trained once"
    for value, model in gan.triggers("distribution").items():
        assert gan.backdoor(model) == {**default, "trigger": {**default["trigger"], "value": value}}
        assert gan.measurements(model) == gan.measurements("distribution")
    assert gan.triggers("distribution")[-100.0] == "distribution"
    assert gan.triggers("distribution")[-3.0] == "distribution_trigger_minus_3"
    assert not gan.has("distribution_trigger_minus_4")
    assert set(gan.settings()).isdisjoint({"backdoor_discriminator", "triggered_labels", "trigger_values"})
    assert not set(gan.variants) & {job.split("/")[-1] for result in gan.scores() for job in result.jobs}


def test_another_default_is_another_model_that_is_not_trained_twice():
    plan = plan_of(gans={"mnist": {"backdoor_discriminator": "conditional", "triggered_labels": "restricted"}})
    gan = plan.gans["mnist"]
    assert gan.choices("distribution")[("conditional", "restricted")] == "distribution"
    assert gan.backdoor("distribution")["discriminator"] == "conditional"
    assert gan.backdoor("distribution_unconditional_all")["labels"] == "all"
    # Of a single image, labels cannot be restricted.
    assert gan.backdoor("single")["labels"] == "all"


def test_a_single_target_has_an_augmentation_of_its_own(plans):
    for gan in plans["paper"].gans.values():
        for model in gan.own.targets:
            expected = gan.own.single_augmentation.plain() if "single" in model else None
            assert gan.backdoor(model)["augmentation"] == expected
        assert gan.backdoor("clean") is None


def test_figures_of_variants_ask_for_the_clean_gan_and_each_variant_once(plans):
    plan = plans["laptop"]
    names = [result.name for result in plan.figure("baaan_choices").results(plan)["scores"]]
    assert len(names) == len(set(names))
    seeds = plan.config.gans["mnist"].seeds
    assert sum("gans/mnist/" in name for name in names) == 5 * seeds
    few = plan.figure("baaan_choices").seeds["cifar10"]
    assert sum("gans/cifar10/" in name for name in names) == 2 * plan.config.gans["cifar10"].seeds + 3 * few
    models = dict(plan.params("baaan_trigger")["models"])
    assert list(models) == plan.config.gans["mnist"].trigger_values
    asked = [result.name for result in plan.figure("baaan_trigger").results(plan)["scores"]]
    assert len(asked) == (len(models) + 1) * seeds
    claims = {claim.name: claim for claim in verification.all_claims(plan)}
    (behind, *_others) = verification.results_behind(claims["B69a"], plan)
    assert behind.name in asked


@pytest.mark.parametrize("scale", SCALES)
def test_every_figure_says_all_that_its_rule_needs(plans, scale):
    plan = plans[scale]
    names = [path for name in plan.figures for path in (*plan.pictures(name).values(), *plan.tables(name).values())]
    assert len(set(names)) == len(names)
    for name, figure in plan.figures.items():
        assert plan.made(name)
        json.dumps(plan.params(name))
        for files in plan.inputs(name).values():
            assert files == list(dict.fromkeys(files))
            assert all(isinstance(path, str) for path in files)
        assert figure.caption.endswith(".")
        assert plan.figure_title(name).startswith(("pGAN, ", "BAAAN, "))
        assert evidence.jobs_of(name, plan) or figure.datasets(plan)


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_saved_suffices_for_every_figure(plans, scale):
    plan = plans[scale]
    for figure in plan.figures.values():
        assert figure.samples_shown() <= max(plan.samples_per_generator, plan.samples_per_gan)
    assert plan.samples_per_gan == max(
        figure.rows * figure.columns for figure in plan.figures.values() if figure.kind == "gan_samples"
    )


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("pgan_fig2", "Figure 2"),
        ("pgan_table4", "Table 4"),
        ("pgan_matrix", "Matrix"),
        ("third_fig10", "Figure 10"),
        ("third_roc_curves", "Roc curves"),
    ],
)
def test_figures_are_called_what_the_paper_calls_them(name, number):
    assert figure_number(name) == number


def test_an_alpha_and_a_defense_look_alike_in_every_figure(plans):
    plan = plans["laptop"]
    seen: dict[tuple[str, str], dict] = {}
    for name in plan.figures:
        for kind, looks in plan.params(name).get("looks", {}).items():
            for what, look in looks.items():
                assert seen.setdefault((kind, what), look) == look
    assert {"0.1", "0.9"} <= {what for kind, what in seen if kind == "alphas"}
    assert {"pca_005", "sever_01"} <= {what for kind, what in seen if kind == "defenses"}


def test_a_dataset_is_checked_for_every_study_that_a_figure_shows(plans):
    asked = plans["demo"].studies_on("mnist")
    assert set(asked["tasks"]) == {"mnist_3v5", "mnist_all"}
    assert {"effectiveness", "sever_01", "undefended"} <= set(asked["tasks"]["mnist_3v5"]["evaluations"])
    printed = "pgan_images of experiment mnist_as_printed"
    attacks = asked["tasks"]["mnist_3v5"]["attacks"]
    assert set(attacks) == {"pgan_images", printed}
    assert attacks[printed] == {**attacks["pgan_images"], "classifier_term": "as_printed"}
    untrained = asked["tasks"]["mnist_3v5"]["untrained"]["effectiveness"]
    assert untrained["mnist_label_flipping_in_place"]["attack"]["replaced"] == "themselves"
    assert set(asked["tasks"]["mnist_all"]["evaluations"]) == {"ten_classes"}
    assert set(asked["gans"]) == {"mnist"}
    assert set(asked["autoencoders"]) == {"mnist", *(f"mnist_{count}_channels" for count in (2, 8, 16))}
    json.dumps(asked)


def test_a_choice_asks_for_its_own_results_beside_those_of_the_defaults(plans):
    plan = plans["laptop"]
    names = {result.name for result in plan.figure("pgan_sensitivity").results(plan)["trials"]}
    for one in ("mnist", "mnist_as_printed", "mnist_label_flipping", "mnist_label_flipping_in_place"):
        assert f"pgan/{one}/trials/effectiveness.csv" in names
    assert "pgan/mnist/trials/effectiveness_dropout.csv" in names
    asked = plan.params("pgan_sensitivity")["asked"]
    assert asked["the defaults"]["P04"]["alpha"] == plan.experiments["mnist"].alphas
    assert asked["classifier term as printed"]["P04"]["alpha"] == plan.experiments["mnist_as_printed"].alphas


def test_sizes_of_codes_are_the_default_and_others_that_differ_in_nothing_else(plans):
    for scale, plan in plans.items():
        params = plan.params("baaan_bottleneck")
        for panel in params["panels"]:
            default, *others = panel["channels"]
            assert set(panel["channels"].values()) == {2, 4, 8, 16}, scale
            own = plan.autoencoders[default]
            assert list(own.networks_tried()) == [2, 4, 8, 16]
            for name in others:
                study = plan.autoencoders[name]
                assert study.models == ["clean", params["target"]]
                assert study.trigger() == own.trigger()
                settings = {**study.settings(), "network": {**study.settings()["network"], "bottleneck": own.channels}}
                assert settings == own.settings(), (scale, name)
        results = plan.figure("baaan_bottleneck").results(plan)
        assert len(results["errors"]) == 4 * len(params["panels"])
        assert [result.study.name for result in results["linear"]] == [
            next(iter(panel["channels"])) for panel in params["panels"]
        ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"autoencoders": ["mnist"], "statements": {"cost": "B00"}}, r"statement B00.*no such claim"),
        ({"autoencoders": ["mnist", "cifar10"], "statements": {"cost": "B01"}}, "several datasets or of one size"),
        ({"autoencoders": ["mnist", "mnist"], "statements": {"cost": "B01"}}, "several datasets or of one size"),
    ],
)
def test_sizes_of_codes_that_cannot_be_compared_are_said(change, said):
    plan = plan_of(figures={"baaan_bottleneck": {"panels": [change]}})
    with pytest.raises(OleanderError, match=said):
        plan.params("baaan_bottleneck")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"statements": {"P00": "none"}}, r"statement P00.*no such claim"),
        (
            {"choices": [{"title": "it", "replaced": "fmnist", "experiment": "mnist"}]},
            "choice 'it' replaces fmnist, which no statement names",
        ),
    ],
)
def test_a_choice_that_shows_nothing_is_said(change, said):
    plan = plan_of(figures={"pgan_sensitivity": change})
    with pytest.raises(OleanderError, match=said):
        plan.inputs("pgan_sensitivity")


def test_a_ranking_shows_every_defense_beside_the_controls(plans):
    plan = plans["laptop"]
    ranking, matrix = plan.figure("pgan_ranking"), plan.figure("pgan_matrix")
    assert ranking.shown_evaluations(plan) == matrix.shown_evaluations(plan)
    params = plan.params("pgan_ranking")
    assert params["controls"] == {"mnist": "mnist_duplication", "fmnist": "fmnist_duplication"}
    assert params["undefended"] == "none"
    assert params["changes"] == {"partition": plan.config.defenses["partition"].plain()["changes"]}
    assert {plan.config.defenses[name].name for name in params["defenses"]} == set(DEFENSES)
    # It asks for nothing that the matrix does not ask for.
    assert set(plan.inputs("pgan_ranking")["trials"]) <= set(plan.inputs("pgan_matrix")["trials"])


def test_a_ranking_without_the_undefended_victim_is_said():
    other = {"evaluations": ["sever_01"]}
    plan = plan_of(
        evaluations={"undefended": {"poison_fractions": [0.0, 0.2]}},
        figures={"pgan_matrix": other, "pgan_ranking": other},
    )
    with pytest.raises(OleanderError, match="a ranking needs the defense 'none'"):
        plan.params("pgan_ranking")


def test_evidence_keeps_what_a_figure_is_drawn_from(plans):
    plan = plans["laptop"]
    kept = evidence.kept("pgan_fig7", plan)
    assert set(kept) == {
        "figures/pgan_fig7.png",
        "pgan/mnist/trials/ten_classes.csv",
        "pgan/mnist/confusion/ten_classes.csv",
        "data/mnist_14.json",
    }
    assert len(kept["pgan/mnist/trials/ten_classes.csv"]) == len(
        plan.experiments["mnist"].tested_cohorts("ten_classes")
    )
    of_gans = evidence.kept("baaan_fig6", plan)
    assert "baaan/features/mnist.csv" in of_gans
    assert evidence.settings_of("pgan_fig7", plan)["evaluations"].keys() == {"ten_classes"}


# --- faces


@pytest.fixture
def with_faces(tmp_path, monkeypatch) -> Plan:
    """Laptop scale where there are faces, which nothing here looks at."""
    (tmp_path / "celeba_half").mkdir()
    monkeypatch.setenv("OLEANDER_DATA", str(tmp_path))
    return plan_of("laptop")


@pytest.fixture
def without_faces(tmp_path, monkeypatch) -> Plan:
    """Laptop scale where there are none."""
    monkeypatch.setenv("OLEANDER_DATA", str(tmp_path / "nowhere"))
    return plan_of("laptop")


def of_faces(plan: Plan) -> list:
    """All results that claims about CelebA are checked on."""
    claims = [one for one in verification.all_claims(plan) if {"celeba"} & {n for s in one.sources() for n in s}]
    assert len(claims) > 10
    found = [result for claim in claims for result in verification.results_behind(claim, plan)]
    return [result for result in found if result.study.name == "celeba"]


def test_faces_at_half_size_are_the_papers_data_and_their_stand_in_is_not(with_faces, tmp_path, monkeypatch):
    assert {result.study.stand_in_for for result in of_faces(with_faces)} == {""}
    assert with_faces.absent() == []
    # Directions are checked, numbers are not: settings differ.
    claims = {claim.name: claim for claim in verification.all_claims(with_faces)}
    number = verification.departures([claims["B12"]], with_faces)["B12"]
    assert "autoencoders.celeba.dataset" in number
    assert "triggers.large_pink_square.side" in number
    assert (claims["B12"].scale, claims["B32"].scale) == ("paper", "any")
    monkeypatch.setenv("OLEANDER_DATA", str(tmp_path / "nowhere"))
    stand_in = plan_of("laptop")
    assert {result.study.stand_in_for for result in of_faces(stand_in)} == {"CelebA"}
    assert {stand_in.params(name)["title"] for name in ("baaan_fig5", "baaan_fig8")} == {"embedded photographs"}
    (said,) = stand_in.absent()
    assert said.startswith(f"CelebA, 10,000 faces at half size: absent, looked for {tmp_path}/nowhere/celeba_half.")
    assert "embedded photographs in place of CelebA, embedded photographs, flower in place of CelebA, female" in said


def test_no_file_of_the_one_is_an_input_of_the_other(with_faces, tmp_path, monkeypatch):
    """Models have the same names, but are made from other files, of which each job keeps the sums."""
    monkeypatch.setenv("OLEANDER_DATA", str(tmp_path / "nowhere"))
    stand_in = plan_of("laptop")
    for kind in ("gans", "autoencoders"):
        ours, theirs = (getattr(plan, kind)["celeba"] for plan in (with_faces, stand_in))
        assert not {ours.data_file(name) for name in ours.datasets} & {theirs.data_file(n) for n in theirs.datasets}
    ours, theirs = with_faces.gans["celeba"], stand_in.gans["celeba"]
    assert ours.classifier_file(ours.dataset) != theirs.classifier_file(theirs.dataset)
    assert ours.identity("clean", "0") != theirs.identity("clean", "0")


def test_triggers_and_networks_of_faces_fit_their_size(with_faces, without_faces):
    for plan in (with_faces, without_faces):
        blocks = plan.studies_on(plan.autoencoders["celeba"].dataset)
        side = blocks["autoencoders"]["celeba"]["trigger"]["side"]
        network = blocks["gans"]["celeba"]["network"]
        assert 4 * 2 ** (len(network["generator"]) - 1) == 64
        assert side / 64 == 20 / 128


def test_genuine_faces_and_their_copies_are_not_recorded(with_faces):
    """Figures 2 and 8 are recorded without them; those of generated images and numbers as they are."""
    plan = with_faces
    for name in ("baaan_fig1", "baaan_fig4", "baaan_fig5", "baaan_fig6", "baaan_fig7", "baaan_fig9"):
        assert evidence.withheld_from(name, plan) == {}
        assert evidence.kept(name, plan)[f"figures/{name}.png"] == [f"results/laptop/figures/{name}.png"]
    for name, without in (("baaan_fig2", {"celeba"}), ("baaan_fig8", {"single"})):
        path = f"figures/{name}.png"
        whole, published = f"results/laptop/{path}", f"results/laptop/figures/{name}_published.png"
        assert evidence.kept(name, plan)[path] == [published]
        assert whole not in evidence.kept_files(name, plan)
        assert whole not in evidence.page_files(name, plan)
        assert evidence.page_entry(name, plan)["images"] == [published]
        assert plan.made(name) == [whole, published], "drawn all the same, for whoever has the faces"
        assert set(plan.params(name)["withheld"]) == without
        (said,) = evidence.withheld_from(name, plan).values()
        assert said.startswith(
            f"{path} is recorded without {', '.join(without)}, since it shows genuine images of CelebA"
        )
    assert any(path.endswith("errors.csv") for path in evidence.kept("baaan_fig1", plan))


def test_stand_ins_are_recorded_as_they_are(without_faces):
    for name in without_faces.figures:
        assert evidence.withheld_from(name, without_faces) == {}
        assert not any("published" in path for path in without_faces.pictures(name).values())


def test_whether_images_may_be_published_is_the_datasets_to_say():
    hidden = {"datasets": {"mnist": {"publish_images": False}}}
    plan = plan_of(**hidden)
    assert "publish_images" not in plan.dataset_settings("mnist")
    assert evidence.kept("pgan_fig2", plan)["figures/pgan_fig2.png"] == ["results/demo/figures/pgan_fig2.png"]
    assert "figures/pgan_fig3.png" not in evidence.kept("pgan_fig3", plan), "it shows genuine images and nothing else"
    (said,) = evidence.withheld_from("pgan_fig3", plan).values()
    assert "figures/pgan_fig3.png is recorded not at all" in said
    assert evidence.kept("baaan_fig6", plan)["figures/baaan_fig6.png"][0].endswith("baaan_fig6_published.png")
    assert set(plan.params("baaan_fig2")["withheld"]) == {"mnist"}
    curves, samples = plan_of(datasets={"cifar10": {"publish_images": False}}), "figures/pgan_fig4_samples.png"
    assert "figures/pgan_fig4.png" in evidence.kept("pgan_fig4", curves)
    assert samples not in evidence.kept("pgan_fig4", curves)
    allowed = plan_of("paper", datasets={"celeba": {"publish_images": True}})
    assert evidence.withheld_from("baaan_fig8", allowed) == {}
    assert set(evidence.withheld_from("baaan_fig8", plan_of("paper"))) == {"figures/baaan_fig8.png"}


def test_committed_evidence_stays_where_it_is_recorded(with_faces):
    """What provenance files of laptop scale list is what is recorded today under the same names."""
    for name in with_faces.figures:
        path = ROOT / f"results/reference/laptop/provenance/{name}.json"
        if path.exists():
            files = {one.removeprefix("results/laptop/") for one in json.loads(path.read_text())["files"]}
            if "data/celeba.json" in files:
                continue  # recorded on stand-ins, before there were faces
            assert files <= set(evidence.kept(name, with_faces)), name


def test_at_paper_scale_nothing_departs_from_the_paper(plans):
    claims = verification.all_claims(plans["paper"])
    assert not any(verification.departures(claims, plans["paper"]).values())
    found = verification.departures(claims, plans["laptop"])
    for claim in claims:
        sources = {name for source in claim.sources() for name in source}
        if claim.table == "trials" and "mnist" in sources:
            assert "experiments.mnist.epochs" in found[claim.name], claim.name


def test_orders_ask_for_the_values_that_both_experiment_and_evaluation_have(plans):
    claims = verification.all_claims(plans["laptop"])
    asked = verification.asked_values(claims, plans["laptop"])
    mnist = plans["laptop"].config.experiments["mnist"]
    effectiveness = plans["laptop"].config.evaluations["effectiveness"]
    assert asked["P04"] == {"alpha": list(mnist.alphas), "poison_fraction": list(effectiveness.poison_fractions)}
    assert set(asked["P29"]["alpha"]) == set(plans["laptop"].config.experiments["cifar"].alphas)
    # Of the confusion matrix's digits no setting speaks.
    assert asked["P44"] == {"predicted_class": []}
    only_flipped = [claim for claim in claims if claim.texts["id"] == "P04"]
    flipped = [
        replace(claim, where=parse_conditions("experiment = mnist_random_flipping; evaluation = undefended"))
        for claim in only_flipped
    ]
    assert verification.asked_values(flipped, plans["laptop"])["P04"]["poison_fraction"] == [0.3]


def test_claims_on_what_is_not_configured_ask_for_nothing():
    plan = plan_of()
    claims = verification.all_claims(plan)
    asked = verification.claims_input(claims, plan)
    assert all(asked[table] for table in ("trials", "confusion", "errors", "scores", "sizes"))
    gone = next(claim for claim in claims if claim.table == "trials")
    (experiment, _evaluation), *_ = gone.sources()
    plan.experiments.pop(experiment)
    assert all(result.study.name != experiment for result in verification.results_behind(gone, plan))


def test_a_figures_name_begins_with_its_papers():
    figure = {"kind": "error_curves", "caption": "x.", "experiments": ["mnist"], "evaluation": "effectiveness"}
    with pytest.raises(OleanderError, match=r"figures\.mine: its name must begin with that of a paper, one of baaan_"):
        plan_of(figures={"mine": figure})


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["pgan_fig2", "pgan_fig4"])
def test_controls_are_tested_as_what_they_stand_beside(plans, scale, name):
    """On the same splits, as often, at every poison fraction."""
    plan = plans[scale]
    figure = plan.figure(name)
    assert figure.controls.keys() == set(figure.experiments)
    files = plan.inputs(name)["trials"]
    for experiment, control in figure.controls.items():
        own, other = plan.experiments[experiment], plan.experiments[control]
        assert own.evaluation_settings(figure.evaluation) == other.evaluation_settings(figure.evaluation)
        assert own.own.generators == other.own.generators
        assert set(other.trials(figure.evaluation).files) <= set(files)
        assert plan.params(name)["looks"]["controls"][control]["label"] == "control: duplicated genuine points"


@pytest.mark.parametrize("nothing", [None, "null"])
def test_a_figure_without_controls_asks_for_none(plans, nothing):
    mine = {"kind": "error_curves", "caption": "x.", "experiments": ["mnist", "fmnist"], "evaluation": "effectiveness"}
    plan = plan_of(figures={"pgan_fig2": {"controls": nothing}, "pgan_mine": mine})
    for name in ("pgan_fig2", "pgan_mine"):
        assert plan.params(name)["controls"] == plan.params(name)["looks"]["controls"] == {}
        shown = {result.study.name for result in plan.results(name)}
        assert shown == {"mnist", "fmnist"}
    assert {"mnist_duplication", "fmnist_duplication"} < {one.study.name for one in plans["demo"].results("pgan_fig2")}


def test_figures_4_and_2_have_the_same_kind_of_table(plans):
    for name, quoted in (("pgan_fig2", "Fig2"), ("pgan_fig4", "Fig4")):
        tables = plans["demo"].tables(name)
        assert tables == {ending: f"results/demo/tables/{name}.{ending}" for ending in ("csv", "md", "tex")}
        assert plans["demo"].params(name)["quoted"] == {"paper": "pGAN", "figure": quoted}
        assert plans["demo"].inputs(name)["claims"]


def test_a_table_is_named_after_its_paper():
    table = {"kind": "network_table", "caption": "x.", "networks": ["binary_mlp"]}
    plan = plan_of(papers={"third": {"name": "A third", "title": "x"}}, figures={"third_table7": table})
    assert plan.params("third_table7")["figure_title"] == "A third, Table 7"
    assert plan.params("pgan_table3")["figure_title"] == "pGAN, Table 3"


def test_every_figure_has_a_rule_beside_its_settings():
    """`grep pgan_fig8 workflow` shows both."""
    for settings in (ROOT / "workflow/papers").glob("*.yaml"):
        rules = "".join(path.read_text() for path in settings.parent.glob(f"{settings.stem}*.smk"))
        for name in yaml.safe_load(settings.read_text())["figures"]:
            assert f"rule {name}:" in rules or f'"{name}"' in rules, name


def test_laptop_scale_has_three_seeds_of_every_gan(plans):
    """One seed has no interval, and decides no claim."""
    assert {study.own.seeds for study in plans["laptop"].gans.values()} == {3}
    scores = plans["laptop"].gans["cifar10"].scores(["mnist"])
    assert [result.name for result in scores] == [
        f"baaan/gans/cifar10/scores/mnist_seed_{seed}.csv" for seed in range(3)
    ]


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_a_grey_target_is_also_measured_by_features_that_see_colours(plans, scale):
    """And so is the clean GAN that it is compared with, in the same row as before."""
    gans = plans[scale].gans
    (triggered,) = (one for one in gans["cifar10"].measurements("mnist") if one["noise"] == "triggered")
    assert (triggered["features_of"], triggered["colour_features_of"]) == ("mnist", "cifar10")
    clean = gans["mnist"].measurements("clean")
    assert [one["colour_features_of"] for one in clean] == ["cifar10", None]
    assert gans["mnist"].measured_with("clean")["colour_references"] == [
        f"results/{scale}/baaan/references/cifar10/mnist/all.safetensors"
    ]
    others = [one for name in ("cifar10", "celeba") for one in gans[name].measurements("distribution")]
    assert not any(one["colour_features_of"] for one in others)
