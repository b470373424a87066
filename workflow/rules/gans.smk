# GAN studies: what their images are compared by, training, measuring. A job is a model.
# There is no such rule once the file exists, which may be a user's own: Snakemake removes what a rule is to make anew.
if PLAN.inception_to_fetch():

    rule fetch_inception:
        output:
            weights=PLAN.inception_to_fetch(),
        log:
            f"{OUT}/logs/fetch_inception.log",
        # Where the network is: a cluster's nodes may have none.
        localrule: True
        message:
            "Fetching the weights of pytorch-fid's Inception"
        script:
            "../../scripts/fetch_inception.py"


rule train_feature_classifier:
    input:
        dataset=lambda wildcards: PLAN.data_file(wildcards.dataset),
    output:
        classifier=f"{OUT}/baaan/features/{{dataset}}.safetensors",
        csv=f"{OUT}/baaan/features/{{dataset}}.csv",
    log:
        f"{OUT}/logs/train_feature_classifier/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_feature_classifier/{{dataset}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        classifier=CONFIG.features.plain()["classifier"],
        scale=SCALE,
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/train_feature_classifier/{{dataset}}",
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["train_feature_classifier"],
    message:
        "Training the classifier whose features compare images: {wildcards.dataset}"
    script:
        "../../scripts/train_feature_classifier.py"


rule measure_reference:
    input:
        dataset=lambda wildcards: PLAN.data_file(wildcards.dataset),
        classifier=f"{OUT}/baaan/features/{{features_of}}.safetensors",
        inception=PLAN.inception(),
    output:
        statistics=f"{OUT}/baaan/references/{{features_of}}/{{dataset}}/{{subset}}.safetensors",
    log:
        f"{OUT}/logs/measure_reference/{{features_of}}/{{dataset}}/{{subset}}.log",
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        classes=lambda wildcards: PLAN.classes_of_subset(wildcards.subset),
        compared=CONFIG.features.compared,
        device=CONFIG.device.plain(),
        version=VERSIONS["measure_reference"],
    message:
        "Measuring test images as a reference: {wildcards.dataset}, {wildcards.subset}"
    script:
        "../../scripts/measure_reference.py"


rule train_gan:
    input:
        dataset=lambda wildcards: gan(wildcards).data_file(),
        target_dataset=lambda wildcards: gan(wildcards).data_file(gan(wildcards).data_of(wildcards.model)),
        target_file=lambda wildcards: gan(wildcards).target_files(wildcards.model),
        classifier=lambda wildcards: gan(wildcards).classifier_file(gan(wildcards).dataset),
        inception=PLAN.inception(),
        # Its date is no reason to train again: what its distances depend on are inputs of this job, too.
        reference=lambda wildcards: ancient(gan(wildcards).reference_file(gan(wildcards).measurements("clean")[0])),
    output:
        gan=f"{OUT}/baaan/gans/{{gan}}/{{model}}_seed_{{seed}}.safetensors",
        curves=f"{OUT}/baaan/gans/{{gan}}/curves/{{model}}_seed_{{seed}}.csv",
        grids=f"{OUT}/baaan/gans/{{gan}}/grids/{{model}}_seed_{{seed}}.png",
    log:
        f"{OUT}/logs/train_gan/{{gan}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_gan/{{gan}}/{{model}}_seed_{{seed}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        gan=lambda wildcards: gan(wildcards).settings(),
        backdoor=lambda wildcards: gan(wildcards).backdoor(wildcards.model),
        identity=lambda wildcards: gan(wildcards).identity(wildcards.model, wildcards.seed),
        device=CONFIG.device.plain(),
        state=f"{OUT}/state/train_gan/{{gan}}/{{model}}_seed_{{seed}}",
        state_minutes=Untracked(CONFIG.state_minutes),
        version=VERSIONS["train_gan"],
    message:
        "Training a GAN: {wildcards.gan}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/train_gan.py"


rule evaluate_gan:
    input:
        **{
            name: lambda wildcards, name=name: gan(wildcards).measured_with(wildcards.model)[name]
            for name in (
                "references",
                "reference_datasets",
                "classifiers",
                "colour_references",
                "colour_classifiers",
            )
        },
        gan=rules.train_gan.output.gan,
        dataset=lambda wildcards: gan(wildcards).data_file(),
        target_dataset=lambda wildcards: gan(wildcards).data_file(gan(wildcards).data_of(wildcards.model)),
        inception=PLAN.inception(),
    output:
        scores=f"{OUT}/baaan/gans/{{gan}}/scores/{{model}}_seed_{{seed}}.csv",
        samples=f"{OUT}/baaan/gans/{{gan}}/samples/{{model}}_seed_{{seed}}.safetensors",
    log:
        f"{OUT}/logs/evaluate_gan/{{gan}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate_gan/{{gan}}/{{model}}_seed_{{seed}}.tsv"
    threads: CONFIG.device.threads
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        measurements=lambda wildcards: gan(wildcards).measurements(wildcards.model),
        backdoor=lambda wildcards: gan(wildcards).backdoor(wildcards.model),
        identity=lambda wildcards: gan(wildcards).identity(wildcards.model, wildcards.seed),
        checkpoint=lambda wildcards: gan(wildcards).own.checkpoint,
        counts=lambda wildcards: {**gan(wildcards).counts(), "shown": PLAN.samples_per_gan},
        device=CONFIG.device.plain(),
        version=VERSIONS["evaluate_gan"],
    message:
        "Measuring a GAN's images: {wildcards.gan}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate_gan.py"
