# Figures and tables of the pGAN paper: Muñoz-González et al., Poisoning Attacks with Generative Adversarial Nets, 2019.
# Each is a target of its own; its settings stand under its name in the .yaml beside this file,
# what it reads in src/oleander/workflow/figures under its kind.
PGAN = [path for figure in PLAN.figures_of("pgan") for path in PLAN.made(figure)]


rule pgan:
    input:
        PGAN,
    localrule: True


# Synthetic points and poison.
rule pgan_fig1:
    input:
        **PLAN.inputs("pgan_fig1"),
    output:
        **drawn("pgan_fig1"),
    log:
        f"{OUT}/logs/pgan_fig1.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig1"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 1"
    script:
        "../../scripts/plot_points.py"


# Test error against the poison fraction, and the numbers as a table.
rule pgan_fig2:
    input:
        **PLAN.inputs("pgan_fig2"),
    output:
        **drawn("pgan_fig2"),
    log:
        f"{OUT}/logs/pgan_fig2.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig2"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 2"
    script:
        "../../scripts/plot_error_curves.py"


# Genuine images beside poison.
rule pgan_fig3:
    input:
        **PLAN.inputs("pgan_fig3"),
    output:
        **drawn("pgan_fig3"),
    log:
        f"{OUT}/logs/pgan_fig3.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig3"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 3"
    script:
        "../../scripts/plot_genuine_and_poison.py"


# Test error of CIFAR-10, with the numbers as a table, and images.
rule pgan_fig4:
    input:
        **PLAN.inputs("pgan_fig4"),
    output:
        **drawn("pgan_fig4"),
    log:
        f"{OUT}/logs/pgan_fig4.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig4"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 4"
    script:
        "../../scripts/plot_errors_and_samples.py"


# Sensitivity to lambda', alpha and the size of the training set.
rule pgan_fig5:
    input:
        **PLAN.inputs("pgan_fig5"),
    output:
        **drawn("pgan_fig5"),
    log:
        f"{OUT}/logs/pgan_fig5.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig5"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 5"
    script:
        "../../scripts/plot_sensitivity.py"


# pGAN, label flipping and duplication.
rule pgan_fig6:
    input:
        **PLAN.inputs("pgan_fig6"),
    output:
        **drawn("pgan_fig6"),
    log:
        f"{OUT}/logs/pgan_fig6.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig6"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 6"
    script:
        "../../scripts/plot_attack_comparison.py"


# A victim of ten classes.
rule pgan_fig7:
    input:
        **PLAN.inputs("pgan_fig7"),
    output:
        **drawn("pgan_fig7"),
    log:
        f"{OUT}/logs/pgan_fig7.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig7"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 7"
    script:
        "../../scripts/plot_multiclass.py"


# Defenses against each other.
for figure in ("pgan_fig8", "pgan_fig13", "pgan_fig14", "pgan_fig15"):

    rule:
        name:
            figure
        input:
            **PLAN.inputs(figure),
        output:
            **drawn(figure),
        log:
            f"{OUT}/logs/{figure}.log",
        localrule: True
        params:
            **PLAN.params(figure),
            version=VERSIONS["plot"],
        message:
            f"Drawing {PLAN.figure_title(figure)}"
        script:
            "../../scripts/plot_defense_comparison.py"


# Decision boundaries of logistic regression.
rule pgan_fig9:
    input:
        **PLAN.inputs("pgan_fig9"),
    output:
        **drawn("pgan_fig9"),
    log:
        f"{OUT}/logs/pgan_fig9.log",
    localrule: True
    params:
        **PLAN.params("pgan_fig9"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, Figure 9"
    script:
        "../../scripts/plot_boundaries.py"


# Sheets of poison images.
for figure in ("pgan_fig10", "pgan_fig11", "pgan_fig12"):

    rule:
        name:
            figure
        input:
            **PLAN.inputs(figure),
        output:
            **drawn(figure),
        log:
            f"{OUT}/logs/{figure}.log",
        localrule: True
        params:
            **PLAN.params(figure),
            version=VERSIONS["plot"],
        message:
            f"Drawing {PLAN.figure_title(figure)}"
        script:
            "../../scripts/plot_sample_sheets.py"


# Every attack against every defense. Not in the paper.
rule pgan_matrix:
    input:
        **PLAN.inputs("pgan_matrix"),
    output:
        **drawn("pgan_matrix"),
    log:
        f"{OUT}/logs/pgan_matrix.log",
    localrule: True
    params:
        **PLAN.params("pgan_matrix"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN's matrix of attacks and defenses"
    script:
        "../../scripts/plot_matrix.py"


# Defenses by the error that they leave. Not in the paper.
rule pgan_ranking:
    input:
        **PLAN.inputs("pgan_ranking"),
    output:
        **drawn("pgan_ranking"),
    log:
        f"{OUT}/logs/pgan_ranking.log",
    localrule: True
    params:
        **PLAN.params("pgan_ranking"),
        version=VERSIONS["plot"],
    message:
        "Ranking defenses against pGAN"
    script:
        "../../scripts/tabulate_ranking.py"


# Training of pGAN's three players. Not in the paper.
rule pgan_curves:
    input:
        **PLAN.inputs("pgan_curves"),
    output:
        **drawn("pgan_curves"),
    log:
        f"{OUT}/logs/pgan_curves.log",
    localrule: True
    params:
        **PLAN.params("pgan_curves"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN's training curves"
    script:
        "../../scripts/plot_training_curves.py"


# Poison over training. Not in the paper.
rule pgan_progress:
    input:
        **PLAN.inputs("pgan_progress"),
    output:
        **drawn("pgan_progress"),
    log:
        f"{OUT}/logs/pgan_progress.log",
    localrule: True
    params:
        **PLAN.params("pgan_progress"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN's poison over training"
    script:
        "../../scripts/plot_progress.py"


# What each choice that the paper leaves open does to its statements.
rule pgan_sensitivity:
    input:
        **PLAN.inputs("pgan_sensitivity"),
    output:
        **drawn("pgan_sensitivity"),
    log:
        f"{OUT}/logs/pgan_sensitivity.log",
    localrule: True
    params:
        **PLAN.params("pgan_sensitivity"),
        version=VERSIONS["plot"],
    message:
        "Drawing pGAN, sensitivity to open choices"
    script:
        "../../scripts/plot_choices.py"
