# Autoencoder studies: train them, measure what they make of clean and triggered images. A job is a model.
rule train_autoencoder:
    input:
        dataset=lambda wildcards: autoencoder(wildcards).data_file(),
        target=lambda wildcards: autoencoder(wildcards).target_files(wildcards.model),
    output:
        autoencoder=f"{OUT}/baaan/autoencoders/{{autoencoder}}/{{model}}_seed_{{seed}}.safetensors",
        curves=f"{OUT}/baaan/autoencoders/{{autoencoder}}/curves/{{model}}_seed_{{seed}}.csv",
    log:
        f"{OUT}/logs/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        autoencoder=lambda wildcards: autoencoder(wildcards).settings(),
        trigger=lambda wildcards: autoencoder(wildcards).trigger(wildcards.model),
        target=lambda wildcards: autoencoder(wildcards).targets().get(wildcards.model),
        identity=lambda wildcards: autoencoder(wildcards).identity(wildcards.model, wildcards.seed),
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/train_autoencoder/{{autoencoder}}/{{model}}_seed_{{seed}}",
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["train_autoencoder"],
    message:
        "Training an autoencoder: {wildcards.autoencoder}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/train_autoencoder.py"


rule evaluate_autoencoders:
    input:
        dataset=lambda wildcards: autoencoder(wildcards).data_file(),
        targets=lambda wildcards: autoencoder(wildcards).target_files(),
        autoencoders=lambda wildcards: autoencoder(wildcards).model_files,
    output:
        errors=f"{OUT}/baaan/autoencoders/{{autoencoder}}/errors.csv",
        samples=f"{OUT}/baaan/autoencoders/{{autoencoder}}/samples.safetensors",
    log:
        f"{OUT}/logs/evaluate_autoencoders/{{autoencoder}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate_autoencoders/{{autoencoder}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        trigger=lambda wildcards: autoencoder(wildcards).trigger(),
        targets=lambda wildcards: autoencoder(wildcards).targets(),
        identity=lambda wildcards: autoencoder(wildcards).identity(),
        shown=PLAN.reconstructions_shown,
        device=CONFIG.device.plain(),
        version=VERSIONS["evaluate_autoencoders"],
    message:
        "Measuring autoencoders on clean and triggered test images: {wildcards.autoencoder}"
    script:
        "../../scripts/evaluate_autoencoders.py"


# What the best linear code of the same size loses.
rule measure_linear_codes:
    input:
        dataset=lambda wildcards: autoencoder(wildcards).data_file(),
    output:
        errors=f"{OUT}/baaan/autoencoders/{{autoencoder}}/linear_codes.csv",
    log:
        f"{OUT}/logs/measure_linear_codes/{{autoencoder}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure_linear_codes/{{autoencoder}}.tsv"
    threads: CONFIG.device.threads
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        networks=lambda wildcards: autoencoder(wildcards).networks_tried(),
        identity=lambda wildcards: autoencoder(wildcards).identity(),
        version=VERSIONS["measure_linear_codes"],
    message:
        "Measuring principal components in place of codes: {wildcards.autoencoder}"
    script:
        "../../scripts/measure_linear_codes.py"
