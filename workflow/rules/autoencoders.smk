# The backdoor paper's autoencoders: train them, measure what they make of clean and triggered images. A job is a model.
rule check_autoencoders:
    input:
        dataset=lambda wildcards: autoencoder_dataset(wildcards.autoencoder),
        targets=lambda wildcards: target_files(autoencoder_targets(wildcards.autoencoder).values()),
    output:
        check=f"{OUT}/baaan/autoencoders/{{autoencoder}}/check.json",
    log:
        f"{OUT}/logs/check_autoencoders/{{autoencoder}}.log",
    # No input of the training, which no other target may repeat (Snakemake passes over other reasons to train again where
    # an `ancient` input is made anew); but first in line, so that it fails before hours of it.
    priority: 100
    conda:
        "../../envs/oleander.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        autoencoder=lambda wildcards: autoencoder_settings(wildcards.autoencoder),
        trigger=lambda wildcards: autoencoder_trigger(wildcards.autoencoder),
        targets=lambda wildcards: autoencoder_targets(wildcards.autoencoder),
        version=VERSIONS["check_autoencoders"],
    message:
        "Checking that trigger and targets fit: autoencoders of {wildcards.autoencoder}"
    script:
        "../../scripts/check_autoencoders.py"


rule train_autoencoder:
    input:
        dataset=lambda wildcards: autoencoder_dataset(wildcards.autoencoder),
        target=lambda wildcards: target_files(
            [autoencoder_targets(wildcards.autoencoder)[wildcards.model]] if wildcards.model != "clean" else []
        ),
    output:
        autoencoder=f"{OUT}/baaan/autoencoders/{{autoencoder}}/{{model}}_seed_{{seed}}.safetensors",
        curves=f"{OUT}/baaan/autoencoders/{{autoencoder}}/curves/{{model}}_seed_{{seed}}.csv",
    log:
        f"{OUT}/logs/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        autoencoder=lambda wildcards: autoencoder_settings(wildcards.autoencoder),
        # A clean model does not depend on the trigger.
        trigger=lambda wildcards: autoencoder_trigger(wildcards.autoencoder) if wildcards.model != "clean" else None,
        target=lambda wildcards: autoencoder_targets(wildcards.autoencoder).get(wildcards.model),
        identity=lambda wildcards: {
            "scale": SCALE,
            "autoencoder": wildcards.autoencoder,
            "model": wildcards.model,
            "seed": int(wildcards.seed),
        },
        device=CONFIG["device"],
        state=f"{OUT}/state/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}",
        state_minutes=Untracked(CONFIG["state_minutes"]),
        version=VERSIONS["train_autoencoder"],
    message:
        "Training an autoencoder: {wildcards.autoencoder}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/train_autoencoder.py"


rule evaluate_autoencoders:
    input:
        dataset=lambda wildcards: autoencoder_dataset(wildcards.autoencoder),
        check=rules.check_autoencoders.output.check,
        targets=lambda wildcards: target_files(autoencoder_targets(wildcards.autoencoder).values()),
        autoencoders=lambda wildcards: [
            f"{OUT}/baaan/autoencoders/{wildcards.autoencoder}/{job}.safetensors"
            for job in autoencoder_jobs(wildcards.autoencoder)
        ],
    output:
        errors=f"{OUT}/baaan/autoencoders/{{autoencoder}}/errors.csv",
        samples=f"{OUT}/baaan/autoencoders/{{autoencoder}}/samples.safetensors",
    log:
        f"{OUT}/logs/evaluate_autoencoders/{{autoencoder}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate_autoencoders/{{autoencoder}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        trigger=lambda wildcards: autoencoder_trigger(wildcards.autoencoder),
        targets=lambda wildcards: autoencoder_targets(wildcards.autoencoder),
        identity=lambda wildcards: {"scale": SCALE, "autoencoder": wildcards.autoencoder},
        shown=FIGURES["baaan_fig2"]["columns"],
        device=CONFIG["device"],
        version=VERSIONS["evaluate_autoencoders"],
    message:
        "Measuring autoencoders on clean and triggered test images: {wildcards.autoencoder}"
    script:
        "../../scripts/evaluate_autoencoders.py"
