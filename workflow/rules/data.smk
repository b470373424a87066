# From a source of data to the one prepared file that everything downstream reads, and what it has to suffice for.
rule prepare_dataset:
    input:
        same_source,
    output:
        dataset=f"{OUT}/data/{{dataset}}.safetensors",
        manifest=f"{OUT}/data/{{dataset}}.json",
    log:
        f"{OUT}/logs/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/prepare_dataset/{{dataset}}.tsv"
    # CelebA, the largest: 110,000 images are decoded at 0.8 ms each on one core, and never more than 100 MB of them held.
    threads: CONFIG.device.threads
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        name=lambda wildcards: wildcards.dataset,
        settings=lambda wildcards: PLAN.dataset_settings(wildcards.dataset),
        data_root=Untracked(CONFIG.data_root),
        allow_download=Untracked(CONFIG.allow_download),
        version=VERSIONS["prepare_dataset"],
    message:
        "Preparing dataset {wildcards.dataset}"
    script:
        "../../scripts/prepare_dataset.py"


# No input of training, which no other study's settings may repeat, but of every figure; and first in line, so that it
# fails before hours of training.
rule check_data:
    input:
        dataset=lambda wildcards: PLAN.data_file(wildcards.dataset),
        others=lambda wildcards: PLAN.data_checked_with(wildcards.dataset),
        target_files=lambda wildcards: PLAN.target_files_on(wildcards.dataset),
        inception=PLAN.inception(),
    output:
        check=f"{OUT}/checks/{{dataset}}.json",
    log:
        f"{OUT}/logs/check_data/{{dataset}}.log",
    priority: 100
    # The images of a GAN's target are gathered: 0.6 gigabytes of CelebA's, and five where a target is all of it.
    resources:
        mem_mb=growing(8000),
        runtime=growing(10),
    params:
        studies=lambda wildcards: PLAN.studies_on(wildcards.dataset),
        version=VERSIONS["check_data"],
    message:
        "Checking that the data suffice: {wildcards.dataset}"
    script:
        "../../scripts/check_data.py"
