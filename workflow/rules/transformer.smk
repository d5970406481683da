# Transformers as optimal control: one training job an arm, one evaluation job a task, one job a sweep.
ARM = "{task}/{arm}"
ORDER = [(task, list(entry.arms)) for task, entry in TASKS.items()]
SWEEPS = [(task, sweep) for task, entry in TASKS.items() for sweep in entry.swept]


wildcard_constraints:
    task="|".join(TASKS) or "none",
    arm=r"[a-z][a-z0-9_]*",
    sweep=r"[a-z][a-z0-9_]*",


rule train_transformer:
    input:
        manifest=fetched_task,
    output:
        weights=f"{RESULTS}/transformers/{ARM}/model.safetensors",
        meta=f"{RESULTS}/transformers/{ARM}/model.json",
        history=f"{RESULTS}/transformers/{ARM}/history.csv",
        timing=f"{RESULTS}/transformers/{ARM}/timing.json",
        record=f"{RESULTS}/provenance/train_transformer/{{task}}.{{arm}}.json",
    log:
        f"{RESULTS}/logs/train_transformer/{{task}}.{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_transformer/{{task}}.{{arm}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches(
            "depth_runs.{task}.{arm}",
            "transformers.tasks.{task}.data",
            "depth_seeds",
            "device",
        ),
        wall_times=["timing"],
        work=f"{RESULTS}/unfinished/transformers.{{task}}.{{arm}}",
        modules=used_by("train_transformer"),
        code=digest("train_transformer"),
    script:
        "../scripts/train_transformer.py"


rule evaluate_transformer:
    input:
        manifest=fetched_task,
        weights=arms_of(rules.train_transformer.output.weights),
        meta=arms_of(rules.train_transformer.output.meta),
    output:
        metrics=f"{RESULTS}/transformers/{{task}}/metrics.csv",
        robustness=f"{RESULTS}/transformers/{{task}}/robustness.csv",
        transfer=f"{RESULTS}/transformers/{{task}}/transfer.csv",
        motion=f"{RESULTS}/transformers/{{task}}/motion.csv",
        paths=f"{RESULTS}/transformers/{{task}}/paths.npz",
        record=f"{RESULTS}/provenance/evaluate_transformer/{{task}}.json",
    log:
        f"{RESULTS}/logs/evaluate_transformer/{{task}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate_transformer/{{task}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches(
            "transformers.tasks.{task}.data",
            "transformers.tasks.{task}.corruptions",
            "transformers.tasks.{task}.attacks",
            "depth_evaluations.{task}",
            "depth_seeds",
        ),
        modules=used_by("evaluate_transformer"),
        code=digest("evaluate_transformer"),
    script:
        "../scripts/evaluate_transformer.py"


rule sweep_transformer:
    input:
        manifest=fetched_task,
    output:
        table=f"{RESULTS}/transformers/{{task}}/sweeps/{{sweep}}.csv",
        record=f"{RESULTS}/provenance/sweep_transformer/{{task}}.{{sweep}}.json",
    log:
        f"{RESULTS}/logs/sweep_transformer/{{task}}.{{sweep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_transformer/{{task}}.{{sweep}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=sweep_branches,
        work=f"{RESULTS}/unfinished/sweeps.{{task}}.{{sweep}}",
        modules=used_by("sweep_transformer"),
        code=digest("sweep_transformer"),
    script:
        "../scripts/sweep_transformer.py"


rule table_transformers:
    input:
        metrics=expand(rules.evaluate_transformer.output.metrics, task=TASKS),
        robustness=expand(rules.evaluate_transformer.output.robustness, task=TASKS),
        transfer=expand(rules.evaluate_transformer.output.transfer, task=TASKS),
        motion=expand(rules.evaluate_transformer.output.motion, task=TASKS),
        sweeps=[
            rules.sweep_transformer.output.table.format(task=task, sweep=sweep)
            for task, sweep in SWEEPS
        ],
    output:
        runs=f"{RESULTS}/tables/transformer_runs.csv",
        robustness_runs=f"{RESULTS}/tables/transformer_robustness_runs.csv",
        transfer_runs=f"{RESULTS}/tables/transformer_transfer_runs.csv",
        motion_runs=f"{RESULTS}/tables/transformer_motion_runs.csv",
        sweep_runs=f"{RESULTS}/tables/transformer_sweep_runs.csv",
        ablation_runs=f"{RESULTS}/tables/transformer_ablation_runs.csv",
        tuned_runs=f"{RESULTS}/tables/transformer_tuned_runs.csv",
        table=report(
            f"{RESULTS}/tables/transformers.csv",
            caption="../report/table_transformers.rst",
            category="2. Tables",
            labels={"table": "Transformers: arms"},
        ),
        ablation=report(
            f"{RESULTS}/tables/transformer_ablation.csv",
            caption="../report/table_transformer_ablation.rst",
            category="2. Tables",
            labels={"table": "Transformers: what the gain consists of"},
        ),
        tuned=report(
            f"{RESULTS}/tables/transformer_tuned.csv",
            caption="../report/table_transformer_tuned.rst",
            category="2. Tables",
            labels={"table": "Transformers: tuned settings"},
        ),
        robustness=report(
            f"{RESULTS}/tables/transformer_robustness.csv",
            caption="../report/table_transformer_robustness.rst",
            category="2. Tables",
            labels={"table": "Transformers: robustness"},
        ),
        motion=report(
            f"{RESULTS}/tables/transformer_motion.csv",
            caption="../report/table_transformer_motion.rst",
            category="2. Tables",
            labels={"table": "Transformers: hidden states against theory"},
        ),
        published=report(
            f"{RESULTS}/tables/transformer_published.csv",
            caption="../report/table_transformer_published.rst",
            category="2. Tables",
            labels={"table": "Transformers: every published number"},
        ),
        record=f"{RESULTS}/provenance/table_transformers/all.json",
    log:
        f"{RESULTS}/logs/table_transformers/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_transformers/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("transformers.tasks", "depth_runs"),
        sweeps=SWEEPS,
        order=ORDER,
        modules=used_by("table_transformers"),
        code=digest("table_transformers"),
    script:
        "../scripts/table_transformers.py"


rule table_transformer_cost:
    # Wall times: under benchmarks, because they are what no rerun reproduces.
    input:
        timing=[
            rules.train_transformer.output.timing.format(task=task, arm=arm)
            for task, entry in TASKS.items()
            for arm in entry.trained
        ],
        runs=rules.table_transformers.output.runs,
    output:
        table=f"{RESULTS}/benchmarks/transformer_cost.tsv",
        record=f"{RESULTS}/provenance/table_transformer_cost/all.json",
    log:
        f"{RESULTS}/logs/table_transformer_cost/all.log",
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("depth_seeds"),
        wall_times=["table"],
        modules=used_by("table_transformer_cost"),
        code=digest("table_transformer_cost"),
    script:
        "../scripts/table_transformer_cost.py"


rule figure_transformer_training:
    input:
        history=[
            rules.train_transformer.output.history.format(task=task, arm=arm)
            for task, entry in TASKS.items()
            for arm in entry.trained
        ],
    output:
        figure=report(
            f"{RESULTS}/figures/transformer_training.png",
            caption="../report/figure_transformer_training.rst",
            category="3. Figures",
            labels={"figure": "Transformers: training"},
        ),
        record=f"{RESULTS}/provenance/figure_transformer_training/all.json",
    log:
        f"{RESULTS}/logs/figure_transformer_training/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_transformer_training/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("transformers.tasks"),
        runs=[(task, arm) for task, entry in TASKS.items() for arm in entry.trained],
        order=ORDER,
        modules=used_by("figure_transformer_training"),
        code=digest("figure_transformer_training"),
    script:
        "../scripts/figure_transformer_training.py"


rule figure_transformers:
    input:
        robustness=rules.table_transformers.output.robustness_runs,
        transfer=rules.table_transformers.output.transfer_runs,
        sweeps=rules.table_transformers.output.sweep_runs,
        ablation=rules.table_transformers.output.ablation_runs,
        paths=expand(rules.evaluate_transformer.output.paths, task=TASKS),
    output:
        robustness=report(
            f"{RESULTS}/figures/transformer_robustness.png",
            caption="../report/figure_transformer_robustness.rst",
            category="3. Figures",
            labels={"figure": "Transformers: robustness"},
        ),
        transfer=report(
            f"{RESULTS}/figures/transformer_transfer.png",
            caption="../report/figure_transformer_transfer.rst",
            category="3. Figures",
            labels={"figure": "Transformers: other numbers of steps"},
        ),
        sweeps=report(
            f"{RESULTS}/figures/transformer_sweeps.png",
            caption="../report/figure_transformer_sweeps.rst",
            category="3. Figures",
            labels={"figure": "Transformers: sweeps"},
        ),
        ablation=report(
            f"{RESULTS}/figures/transformer_ablation.png",
            caption="../report/figure_transformer_ablation.rst",
            category="3. Figures",
            labels={"figure": "Transformers: what the gain consists of"},
        ),
        paths=report(
            f"{RESULTS}/figures/transformer_paths.png",
            caption="../report/figure_transformer_paths.rst",
            category="3. Figures",
            labels={"figure": "Transformers: hidden states"},
        ),
        record=f"{RESULTS}/provenance/figure_transformers/all.json",
    log:
        f"{RESULTS}/logs/figure_transformers/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_transformers/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("transformers.tasks"),
        order=ORDER,
        modules=used_by("figure_transformers"),
        code=digest("figure_transformers"),
    script:
        "../scripts/figure_transformers.py"


# A profile without tasks has no such tables.
if TASKS:
    STUDY_TABLES += [
        rules.table_transformers.output.runs,
        rules.table_transformers.output.robustness_runs,
        rules.table_transformers.output.transfer_runs,
        rules.table_transformers.output.motion_runs,
        rules.table_transformers.output.sweep_runs,
        rules.table_transformers.output.ablation_runs,
        rules.table_transformers.output.table,
        rules.table_transformers.output.published,
    ]
    STUDY_FIGURES += [
        rules.figure_transformer_training.output.figure,
        rules.figure_transformers.output.robustness,
    ]
