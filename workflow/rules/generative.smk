# Generative models: one training job and one evaluation job a model and data set, all seeds.
RUN = "{model}/{dataset}"


rule train_model:
    input:
        data=rules.prepare_dataset.output.data,
    output:
        weights=each_seed(f"{RESULTS}/models/{RUN}/{{seed}}/model.safetensors"),
        meta=each_seed(f"{RESULTS}/models/{RUN}/{{seed}}/model.json"),
        history=each_seed(f"{RESULTS}/models/{RUN}/{{seed}}/history.csv"),
        timing=each_seed(f"{RESULTS}/models/{RUN}/{{seed}}/timing.json"),
        record=f"{RESULTS}/provenance/train_model/{{model}}.{{dataset}}.json",
    log:
        f"{RESULTS}/logs/train_model/{{model}}.{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_model/{{model}}.{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches(
            "runs.{model}.{dataset}", "datasets.{dataset}", "seeds", "device"
        ),
        wall_times=["timing"],
        work=f"{RESULTS}/unfinished/{{model}}.{{dataset}}",
        modules=used_by("train_model"),
        code=digest("train_model"),
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    input:
        data=rules.prepare_dataset.output.data,
        weights=rules.train_model.output.weights,
        meta=rules.train_model.output.meta,
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
        config=branches("evaluation", "seeds"),
        has_density=lambda at: SETTINGS.datasets[at.dataset].has_density,
        modules=used_by("evaluate_model"),
        code=digest("evaluate_model"),
    script:
        "../scripts/evaluate_model.py"
