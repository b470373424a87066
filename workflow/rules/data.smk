# From a source of data to the one prepared file that everything downstream reads.
rule prepare_dataset:
    output:
        dataset=f"{OUT}/data/{{dataset}}.safetensors",
        manifest=f"{OUT}/data/{{dataset}}.json",
    log:
        f"{OUT}/logs/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/prepare_dataset/{{dataset}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    # CelebA, the largest: 110,000 images are decoded at 0.8 ms each on one core, and never more than 100 MB of them held.
    threads: CONFIG["device"]["threads"]
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        name=lambda wildcards: wildcards.dataset,
        settings=lambda wildcards: dataset_settings(wildcards.dataset),
        data_root=Untracked(CONFIG["data_root"]),
        allow_download=Untracked(CONFIG["allow_download"]),
        version=VERSIONS["prepare_dataset"],
    message:
        "Preparing dataset {wildcards.dataset}"
    script:
        "../../scripts/prepare_dataset.py"
