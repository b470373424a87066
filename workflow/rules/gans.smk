# The backdoor paper's GANs: what their images are compared by, training, measuring. A job is a model.
rule check_gan:
    input:
        dataset=lambda wildcards: prepared(gan_data(wildcards.gan)),
        target_dataset=lambda wildcards: prepared(gan_data(wildcards.gan, wildcards.model)),
        target_file=lambda wildcards: gan_target_files(wildcards.gan, wildcards.model),
        inception=inception_file(),
    output:
        check=f"{OUT}/baaan/gans/{{gan}}/checks/{{model}}.json",
    log:
        f"{OUT}/logs/check_gan/{{gan}}/{{model}}.log",
    # First in line: what another model's check finds, too, is said before hours of training.
    priority: 100
    conda:
        "../../envs/oleander.yaml"
    # The target's images are gathered: 0.6 gigabytes of CelebA's, and five where a target is all of it.
    resources:
        mem_mb=growing(8000),
        runtime=growing(10),
    params:
        network=lambda wildcards: gan_settings(wildcards.gan)["network"],
        backdoor=lambda wildcards: gan_backdoor(wildcards.gan, wildcards.model),
        version=VERSIONS["check_gan"],
    message:
        "Checking that trigger and target fit: GAN {wildcards.gan}, {wildcards.model}"
    script:
        "../../scripts/check_gan.py"


rule train_feature_classifier:
    input:
        dataset=lambda wildcards: prepared(wildcards.dataset),
    output:
        classifier=f"{OUT}/baaan/features/{{dataset}}.safetensors",
        csv=f"{OUT}/baaan/features/{{dataset}}.csv",
    log:
        f"{OUT}/logs/train_feature_classifier/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_feature_classifier/{{dataset}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        classifier=CONFIG["features"]["classifier"],
        scale=SCALE,
        device=CONFIG["device"],
        state=f"{OUT}/state/train_feature_classifier/{{dataset}}",
        state_minutes=Untracked(CONFIG["state_minutes"]),
        version=VERSIONS["train_feature_classifier"],
    message:
        "Training the classifier that judges images: {wildcards.dataset}"
    script:
        "../../scripts/train_feature_classifier.py"


rule measure_reference:
    input:
        dataset=lambda wildcards: prepared(wildcards.dataset),
        classifier=lambda wildcards: classifier_file(wildcards.judge),
        inception=inception_file(),
    output:
        statistics=f"{OUT}/baaan/references/{{judge}}/{{dataset}}/{{subset}}.safetensors",
    log:
        f"{OUT}/logs/measure_reference/{{judge}}/{{dataset}}/{{subset}}.log",
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        classes=lambda wildcards: (
            None if wildcards.subset == "all" else CONFIG["targets"][wildcards.subset]["classes"]
        ),
        device=CONFIG["device"],
        version=VERSIONS["measure_reference"],
    message:
        "Measuring test images as a reference: {wildcards.dataset}, {wildcards.subset}"
    script:
        "../../scripts/measure_reference.py"


rule train_gan:
    input:
        dataset=lambda wildcards: prepared(gan_data(wildcards.gan)),
        target_dataset=lambda wildcards: prepared(gan_data(wildcards.gan, wildcards.model)),
        target_file=lambda wildcards: gan_target_files(wildcards.gan, wildcards.model),
        classifier=lambda wildcards: classifier_file(gan_data(wildcards.gan)),
        inception=inception_file(),
        reference=lambda wildcards: reference_file(measurements(wildcards.gan, "clean")[0]),
        check=rules.check_gan.output.check,
    output:
        gan=f"{OUT}/baaan/gans/{{gan}}/{{model}}_seed_{{seed}}.safetensors",
        curves=f"{OUT}/baaan/gans/{{gan}}/curves/{{model}}_seed_{{seed}}.csv",
        grids=f"{OUT}/baaan/gans/{{gan}}/grids/{{model}}_seed_{{seed}}.png",
    log:
        f"{OUT}/logs/train_gan/{{gan}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_gan/{{gan}}/{{model}}_seed_{{seed}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        gan=lambda wildcards: gan_settings(wildcards.gan),
        backdoor=lambda wildcards: gan_backdoor(wildcards.gan, wildcards.model),
        identity=lambda wildcards: gan_identity(wildcards.gan, wildcards.model, wildcards.seed),
        device=CONFIG["device"],
        state=f"{OUT}/state/train_gan/{{gan}}/{{model}}_seed_{{seed}}",
        state_minutes=Untracked(CONFIG["state_minutes"]),
        version=VERSIONS["train_gan"],
    message:
        "Training a GAN: {wildcards.gan}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/train_gan.py"


rule evaluate_gan:
    input:
        gan=rules.train_gan.output.gan,
        dataset=lambda wildcards: prepared(gan_data(wildcards.gan)),
        target_dataset=lambda wildcards: prepared(gan_data(wildcards.gan, wildcards.model)),
        references=lambda wildcards: [reference_file(one) for one in measurements(wildcards.gan, wildcards.model)],
        reference_datasets=lambda wildcards: [
            prepared(one["dataset"]) for one in measurements(wildcards.gan, wildcards.model)
        ],
        classifiers=lambda wildcards: [
            classifier_file(one["judge"]) for one in measurements(wildcards.gan, wildcards.model)
        ],
        inception=inception_file(),
    output:
        scores=f"{OUT}/baaan/gans/{{gan}}/scores/{{model}}_seed_{{seed}}.csv",
        samples=f"{OUT}/baaan/gans/{{gan}}/samples/{{model}}_seed_{{seed}}.safetensors",
    log:
        f"{OUT}/logs/evaluate_gan/{{gan}}/{{model}}_seed_{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/evaluate_gan/{{gan}}/{{model}}_seed_{{seed}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        measurements=lambda wildcards: measurements(wildcards.gan, wildcards.model),
        backdoor=lambda wildcards: gan_backdoor(wildcards.gan, wildcards.model),
        identity=lambda wildcards: gan_identity(wildcards.gan, wildcards.model, wildcards.seed),
        checkpoint=lambda wildcards: CONFIG["gans"][wildcards.gan]["checkpoint"],
        # One param, as with a figure's layout.
        counts=lambda wildcards: {
            "measured": CONFIG["gans"][wildcards.gan]["samples"],
            "batch": CONFIG["gans"][wildcards.gan]["batch_size"],
            "shown": GAN_SAMPLES,
        },
        device=CONFIG["device"],
        version=VERSIONS["evaluate_gan"],
    message:
        "Measuring a GAN's images: {wildcards.gan}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate_gan.py"
