# Figures and tables of the BAAAN paper: Salem et al., BAAAN: Backdoor Attacks Against Autoencoder and GAN-Based
# Machine Learning Models, 2020.
# Each is a target of its own; its settings stand under its name in the .yaml beside this file,
# what it reads in src/oleander/workflow/figures under its kind.
BAAAN = [path for figure in PLAN.figures_of("baaan") for path in PLAN.made(figure)]


rule baaan:
    input:
        BAAAN,
    localrule: True


# Reconstruction errors of autoencoders.
rule baaan_fig1:
    input:
        **PLAN.inputs("baaan_fig1"),
    output:
        **drawn("baaan_fig1"),
    log:
        f"{OUT}/logs/baaan_fig1.log",
    localrule: True
    params:
        **PLAN.params("baaan_fig1"),
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 1"
    script:
        "../../scripts/plot_reconstruction_errors.py"


# Images and what autoencoders make of them.
rule baaan_fig2:
    input:
        **PLAN.inputs("baaan_fig2"),
    output:
        **drawn("baaan_fig2"),
    log:
        f"{OUT}/logs/baaan_fig2.log",
    localrule: True
    params:
        **PLAN.params("baaan_fig2"),
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 2"
    script:
        "../../scripts/plot_reconstructions.py"


# Not in the paper: what the size of autoencoders' codes does.
rule baaan_bottleneck:
    input:
        **PLAN.inputs("baaan_bottleneck"),
    output:
        **drawn("baaan_bottleneck"),
    log:
        f"{OUT}/logs/baaan_bottleneck.log",
    localrule: True
    params:
        **PLAN.params("baaan_bottleneck"),
        version=VERSIONS["plot"],
    message:
        "Drawing errors of autoencoders by the size of their codes"
    script:
        "../../scripts/plot_bottlenecks.py"


# Distances between generated and genuine images.
rule baaan_fig4:
    input:
        **PLAN.inputs("baaan_fig4"),
    output:
        **drawn("baaan_fig4"),
    log:
        f"{OUT}/logs/baaan_fig4.log",
    localrule: True
    params:
        **PLAN.params("baaan_fig4"),
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, Figure 4"
    script:
        "../../scripts/plot_gan_scores.py"


# Images of clean and of triggered noise. Figure 9 is of one target alone, another dataset.
for figure in ("baaan_fig5", "baaan_fig6", "baaan_fig7", "baaan_fig8", "baaan_fig9"):

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
            "../../scripts/plot_gan_samples.py"


# Backdoored GANs trained with each combination of what the paper leaves open.
rule baaan_choices:
    input:
        **PLAN.inputs("baaan_choices"),
    output:
        **drawn("baaan_choices"),
    log:
        f"{OUT}/logs/baaan_choices.log",
    localrule: True
    params:
        **PLAN.params("baaan_choices"),
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, what the paper leaves open"
    script:
        "../../scripts/plot_gan_choices.py"


# Backdoored GANs by the value of their trigger.
rule baaan_trigger:
    input:
        **PLAN.inputs("baaan_trigger"),
    output:
        **drawn("baaan_trigger"),
    log:
        f"{OUT}/logs/baaan_trigger.log",
    localrule: True
    params:
        **PLAN.params("baaan_trigger"),
        version=VERSIONS["plot"],
    message:
        "Drawing BAAAN, the trigger's value"
    script:
        "../../scripts/plot_gan_triggers.py"
