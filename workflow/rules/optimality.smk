# Optimality: HJB residual of trained models against fit, straightness and step error. No torch.


rule table_optimality:
    input:
        runs=f"{RESULTS}/tables/generative_runs.csv",
        steps=f"{RESULTS}/tables/steps_runs.csv",
        ablation=rules.study_flow_ablation.output.runs,
    output:
        runs=f"{RESULTS}/tables/optimality_runs.csv",
        table=report(
            f"{RESULTS}/tables/optimality.csv",
            caption="../report/table_optimality.rst",
            category="2. Tables",
            labels={"table": "HJB residual and what it explains"},
        ),
        seeds=f"{RESULTS}/tables/optimality_seeds.csv",
        record=f"{RESULTS}/provenance/table_optimality/all.json",
    log:
        f"{RESULTS}/logs/table_optimality/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_optimality/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("models", "seeds"),
        modules=used_by("table_optimality"),
        code=digest("table_optimality"),
    script:
        "../scripts/table_optimality.py"


rule figure_optimality:
    input:
        runs=rules.table_optimality.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/optimality.png",
            caption="../report/figure_optimality.rst",
            category="3. Figures",
            labels={"figure": "HJB residual and what it explains"},
        ),
        record=f"{RESULTS}/provenance/figure_optimality/all.json",
    log:
        f"{RESULTS}/logs/figure_optimality/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_optimality/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_optimality"),
        code=digest("figure_optimality"),
    script:
        "../scripts/figure_optimality.py"


STUDY_TABLES += [
    rules.table_optimality.output.runs,
    rules.table_optimality.output.table,
    rules.table_optimality.output.seeds,
]
STUDY_FIGURES += [rules.figure_optimality.output.figure]
