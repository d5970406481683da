# Soft Schroedinger bridges: closed forms and a solver on a grid; nothing is trained.


rule study_bridge:
    output:
        table=report(
            f"{RESULTS}/tables/bridge.csv",
            caption="../report/table_bridge.rst",
            category="2. Tables",
            labels={"table": "Soft Schroedinger bridges"},
        ),
        arrays=f"{RESULTS}/studies/bridge.npz",
        record=f"{RESULTS}/provenance/study_bridge/all.json",
    log:
        f"{RESULTS}/logs/study_bridge/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_bridge/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.bridge"),
        modules=used_by("study_bridge"),
        code=digest("study_bridge"),
    script:
        "../scripts/study_bridge.py"


rule figure_bridge:
    input:
        table=rules.study_bridge.output.table,
        arrays=rules.study_bridge.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/bridge.png",
            caption="../report/figure_bridge.rst",
            category="3. Figures",
            labels={"figure": "Soft Schroedinger bridges"},
        ),
        record=f"{RESULTS}/provenance/figure_bridge/all.json",
    log:
        f"{RESULTS}/logs/figure_bridge/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_bridge/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.bridge"),
        modules=used_by("figure_bridge"),
        code=digest("figure_bridge"),
    script:
        "../scripts/figure_bridge.py"


STUDY_TABLES += [rules.study_bridge.output.table]
STUDY_FIGURES += [rules.figure_bridge.output.figure]
