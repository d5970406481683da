# Generative models: one training job a run, one evaluation job a model and data set.
RUN = "{model}/{dataset}"


rule train_model:
    input:
        data=rules.prepare_dataset.output.data,
    output:
        weights=f"{RESULTS}/models/{RUN}/{{seed}}/model.safetensors",
        meta=f"{RESULTS}/models/{RUN}/{{seed}}/model.json",
        history=f"{RESULTS}/models/{RUN}/{{seed}}/history.csv",
        timing=f"{RESULTS}/models/{RUN}/{{seed}}/timing.json",
        record=f"{RESULTS}/provenance/train_model/{{model}}.{{dataset}}.{{seed}}.json",
    log:
        f"{RESULTS}/logs/train_model/{{model}}.{{dataset}}.{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_model/{{model}}.{{dataset}}.{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("runs.{model}.{dataset}", "datasets.{dataset}", "device"),
        seed=lambda wildcards: int(wildcards.seed),
        wall_times=["timing"],
        work=f"{RESULTS}/unfinished/{{model}}.{{dataset}}.{{seed}}",
        modules=used_by("train_model"),
        code=digest("train_model"),
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    input:
        data=rules.prepare_dataset.output.data,
        weights=expand(rules.train_model.output.weights, seed=SEEDS, allow_missing=True),
        meta=expand(rules.train_model.output.meta, seed=SEEDS, allow_missing=True),
    output:
        metrics=f"{RESULTS}/evaluations/{RUN}/metrics.csv",
        steps=f"{RESULTS}/evaluations/{RUN}/steps.csv",
        residuals=f"{RESULTS}/evaluations/{RUN}/residuals.csv",
        arrays=f"{RESULTS}/evaluations/{RUN}/arrays.npz",
        record=f"{RESULTS}/provenance/evaluate_model/{{model}}.{{dataset}}.json",
    log:
        f"{RESULTS}/logs/evaluate_model/{{model}}.{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate_model/{{model}}.{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("evaluation", "models.{model}.likelihood", "seeds"),
        modules=used_by("evaluate_model"),
        code=digest("evaluate_model"),
    script:
        "../scripts/evaluate_model.py"
