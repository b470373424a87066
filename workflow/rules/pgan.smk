# The poisoning paper: train generators, evaluate attacks, save samples of poison. A job is a cohort.
rule check_task:
    input:
        dataset=lambda wildcards: dataset_file(wildcards.task),
    output:
        check=f"{OUT}/pgan/checks/{{task}}/{{evaluation}}.json",
    log:
        f"{OUT}/logs/check_task/{{task}}/{{evaluation}}.log",
    # No input of the training, which no evaluation may repeat; but first in line, so that it fails before hours of it.
    priority: 100
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        task=lambda wildcards: task_settings(wildcards.task),
        evaluation=lambda wildcards: evaluation_sizes(wildcards.evaluation),
    message:
        "Checking that the data suffice: {wildcards.task}, {wildcards.evaluation}"
    script:
        "../../scripts/check_task.py"


rule train_pgan:
    input:
        dataset=lambda wildcards: dataset_file(task_of(wildcards.experiment)),
    output:
        generators=f"{OUT}/pgan/{{experiment}}/generators/{{cohort}}.safetensors",
        curves=f"{OUT}/pgan/{{experiment}}/curves/{{cohort}}.csv",
    log:
        f"{OUT}/logs/train_pgan/{{experiment}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_pgan/{{experiment}}/{{cohort}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        task=lambda wildcards: task_settings(task_of(wildcards.experiment)),
        attack=lambda wildcards: attack_settings(wildcards.experiment),
        replicas=lambda wildcards: COHORTS[wildcards.experiment][wildcards.cohort],
        identity=lambda wildcards: identity(wildcards.experiment),
        device=CONFIG["device"],
        state=f"{OUT}/state/train_pgan/{{experiment}}/{{cohort}}",
        checkpoints=f"{OUT}/checkpoints/{{experiment}}/{{cohort}}",
        checkpoint_iterations=Untracked(CONFIG["checkpoint_iterations"]),
        state_minutes=Untracked(CONFIG["state_minutes"]),
        version=VERSIONS["train_pgan"],
    message:
        "Training pGAN generators: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/train_pgan.py"


rule run_trials:
    input:
        dataset=lambda wildcards: dataset_file(task_of(wildcards.experiment, wildcards.evaluation)),
        generators=lambda wildcards: generator_file(wildcards.experiment, wildcards.cohort),
        check=lambda wildcards: check_file(wildcards.experiment, wildcards.evaluation),
    output:
        trials=f"{OUT}/pgan/{{experiment}}/trials/{{evaluation}}/{{cohort}}.csv",
        confusion=f"{OUT}/pgan/{{experiment}}/confusion/{{evaluation}}/{{cohort}}.csv",
    log:
        f"{OUT}/logs/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    benchmark:
        f"{OUT}/benchmarks/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}.tsv"
    conda:
        "../../envs/oleander.yaml"
    threads: CONFIG["device"]["threads"]
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        task=lambda wildcards: task_settings(task_of(wildcards.experiment, wildcards.evaluation)),
        attack=lambda wildcards: None if is_trained(wildcards.experiment) else attack_settings(wildcards.experiment),
        repetitions=lambda wildcards: COHORTS[wildcards.experiment][wildcards.cohort],
        evaluation=lambda wildcards: evaluation_settings(wildcards.experiment, wildcards.evaluation),
        identity=lambda wildcards: identity(wildcards.experiment, wildcards.evaluation),
        device=CONFIG["device"],
        state=f"{OUT}/state/run_trials/{{experiment}}/{{evaluation}}/{{cohort}}",
        state_minutes=Untracked(CONFIG["state_minutes"]),
        version=VERSIONS["run_trials"],
    message:
        "Training and testing victims: {wildcards.experiment}, {wildcards.evaluation}, {wildcards.cohort}"
    script:
        "../../scripts/run_trials.py"


rule gather_trials:
    input:
        trials=lambda wildcards: cohort_files(
            wildcards.experiment, f"trials/{wildcards.evaluation}/{{cohort}}.csv", wildcards.evaluation
        ),
    output:
        trials=f"{OUT}/pgan/{{experiment}}/trials/{{evaluation}}.csv",
    log:
        f"{OUT}/logs/gather_trials/{{experiment}}/{{evaluation}}.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    message:
        "Gathering trials: {wildcards.experiment}, {wildcards.evaluation}"
    script:
        "../../scripts/gather_csv.py"


rule gather_confusion:
    input:
        confusion=lambda wildcards: cohort_files(
            wildcards.experiment, f"confusion/{wildcards.evaluation}/{{cohort}}.csv", wildcards.evaluation
        ),
    output:
        confusion=f"{OUT}/pgan/{{experiment}}/confusion/{{evaluation}}.csv",
    log:
        f"{OUT}/logs/gather_confusion/{{experiment}}/{{evaluation}}.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    message:
        "Gathering confusion matrices: {wildcards.experiment}, {wildcards.evaluation}"
    script:
        "../../scripts/gather_csv.py"


rule gather_curves:
    input:
        curves=lambda wildcards: cohort_files(wildcards.experiment, "curves/{cohort}.csv"),
    output:
        curves=f"{OUT}/pgan/{{experiment}}/curves.csv",
    log:
        f"{OUT}/logs/gather_curves/{{experiment}}.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    message:
        "Gathering training curves: {wildcards.experiment}"
    script:
        "../../scripts/gather_csv.py"


rule draw_samples:
    input:
        dataset=lambda wildcards: dataset_file(task_of(wildcards.experiment)),
        generators=rules.train_pgan.output.generators,
    output:
        samples=f"{OUT}/pgan/{{experiment}}/samples/{{cohort}}.safetensors",
    log:
        f"{OUT}/logs/draw_samples/{{experiment}}/{{cohort}}.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        task=lambda wildcards: task_settings(task_of(wildcards.experiment)),
        identity=lambda wildcards: identity(wildcards.experiment),
        points=SAMPLES,
        version=VERSIONS["draw_samples"],
    message:
        "Drawing samples: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/draw_samples.py"


rule fit_boundaries:
    input:
        dataset=lambda wildcards: dataset_file(task_of(wildcards.experiment)),
        generators=rules.train_pgan.output.generators,
        check=lambda wildcards: check_file(wildcards.experiment, wildcards.evaluation),
    output:
        boundaries=f"{OUT}/pgan/{{experiment}}/boundaries/{{evaluation}}/{{cohort}}.csv",
        points=f"{OUT}/pgan/{{experiment}}/boundaries/{{evaluation}}/{{cohort}}.points.csv",
    log:
        f"{OUT}/logs/fit_boundaries/{{experiment}}/{{evaluation}}/{{cohort}}.log",
    localrule: True
    conda:
        "../../envs/oleander.yaml"
    params:
        task=lambda wildcards: task_settings(task_of(wildcards.experiment)),
        evaluation=lambda wildcards: evaluation_settings(wildcards.experiment, wildcards.evaluation),
        identity=lambda wildcards: identity(wildcards.experiment),
        version=VERSIONS["fit_boundaries"],
    message:
        "Fitting decision boundaries: {wildcards.experiment}, {wildcards.cohort}"
    script:
        "../../scripts/fit_boundaries.py"
