# What each term of a flow's objective does.


rule study_flow_ablation:
    output:
        runs=f"{RESULTS}/tables/flow_ablation_runs.csv",
        arrays=f"{RESULTS}/studies/flow_ablation.npz",
        record=f"{RESULTS}/provenance/study_flow_ablation/all.json",
    log:
        f"{RESULTS}/logs/study_flow_ablation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_flow_ablation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.flow_ablation", "seeds"),
        modules=used_by("study_flow_ablation"),
        code=digest("study_flow_ablation"),
    script:
        "../scripts/study_flow_ablation.py"


rule table_flow_ablation:
    input:
        runs=rules.study_flow_ablation.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/flow_ablation.csv",
            caption="../report/table_flow_ablation.rst",
            category="2. Tables",
            labels={"table": "Ablation of flows"},
        ),
        record=f"{RESULTS}/provenance/table_flow_ablation/all.json",
    log:
        f"{RESULTS}/logs/table_flow_ablation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_flow_ablation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_flow_ablation"),
        code=digest("table_flow_ablation"),
    script:
        "../scripts/table_flow_ablation.py"


rule figure_flow_ablation:
    input:
        runs=rules.study_flow_ablation.output.runs,
        arrays=rules.study_flow_ablation.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/flow_ablation.png",
            caption="../report/figure_flow_ablation.rst",
            category="3. Figures",
            labels={"figure": "Trajectories by objective"},
        ),
        record=f"{RESULTS}/provenance/figure_flow_ablation/all.json",
    log:
        f"{RESULTS}/logs/figure_flow_ablation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_flow_ablation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_flow_ablation"),
        code=digest("figure_flow_ablation"),
    script:
        "../scripts/figure_flow_ablation.py"


STUDY_TABLES += [
    rules.study_flow_ablation.output.runs,
    rules.table_flow_ablation.output.table,
]
STUDY_FIGURES += [rules.figure_flow_ablation.output.figure]
