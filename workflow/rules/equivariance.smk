# Symmetry in the net, in the data or nowhere.


rule study_equivariance:
    output:
        runs=f"{RESULTS}/tables/equivariance_runs.csv",
        record=f"{RESULTS}/provenance/study_equivariance/all.json",
    log:
        f"{RESULTS}/logs/study_equivariance/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_equivariance/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.equivariance", "seeds"),
        modules=used_by("study_equivariance"),
        code=digest("study_equivariance"),
    script:
        "../scripts/study_equivariance.py"


rule table_equivariance:
    input:
        runs=rules.study_equivariance.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/equivariance.csv",
            caption="../report/table_equivariance.rst",
            category="2. Tables",
            labels={"table": "Equivariant scores"},
        ),
        record=f"{RESULTS}/provenance/table_equivariance/all.json",
    log:
        f"{RESULTS}/logs/table_equivariance/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_equivariance/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_equivariance"),
        code=digest("table_equivariance"),
    script:
        "../scripts/table_equivariance.py"


rule figure_equivariance:
    input:
        runs=rules.study_equivariance.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/equivariance.png",
            caption="../report/figure_equivariance.rst",
            category="3. Figures",
            labels={"figure": "Equivariant scores"},
        ),
        record=f"{RESULTS}/provenance/figure_equivariance/all.json",
    log:
        f"{RESULTS}/logs/figure_equivariance/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_equivariance/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_equivariance"),
        code=digest("figure_equivariance"),
    script:
        "../scripts/figure_equivariance.py"


STUDY_TABLES += [
    rules.study_equivariance.output.runs,
    rules.table_equivariance.output.table,
]
STUDY_FIGURES += [rules.figure_equivariance.output.figure]
