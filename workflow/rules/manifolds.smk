# Proximal flows and others on data that lie on a plane of a larger space: one job a law.
MANIFOLDS = [law.name for law in SETTINGS.studies.manifolds.manifolds]


rule study_manifolds:
    output:
        runs=f"{RESULTS}/studies/manifolds/{{manifold}}.csv",
        arrays=f"{RESULTS}/studies/manifolds/{{manifold}}.npz",
        record=f"{RESULTS}/provenance/study_manifolds/{{manifold}}.json",
    log:
        f"{RESULTS}/logs/study_manifolds/{{manifold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_manifolds/{{manifold}}.tsv"
    wildcard_constraints:
        manifold="|".join(MANIFOLDS),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds", "studies.manifolds"),
        work=f"{RESULTS}/unfinished/manifolds",
        modules=used_by("study_manifolds"),
        code=digest("study_manifolds"),
    script:
        "../scripts/study_manifolds.py"


rule table_manifolds:
    input:
        runs=expand(rules.study_manifolds.output.runs, manifold=MANIFOLDS),
    output:
        runs=f"{RESULTS}/tables/manifolds_runs.csv",
        table=report(
            f"{RESULTS}/tables/manifolds.csv",
            caption="../report/table_manifolds.rst",
            category="2. Tables",
            labels={"table": "Proximal flows on manifolds"},
        ),
        record=f"{RESULTS}/provenance/table_manifolds/all.json",
    log:
        f"{RESULTS}/logs/table_manifolds/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_manifolds/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.manifolds"),
        modules=used_by("table_manifolds"),
        code=digest("table_manifolds"),
    script:
        "../scripts/table_manifolds.py"


rule figure_manifolds:
    input:
        runs=rules.table_manifolds.output.runs,
        arrays=rules.study_manifolds.output.arrays.format(manifold=MANIFOLDS[0]),
    output:
        figure=report(
            f"{RESULTS}/figures/manifolds.png",
            caption="../report/figure_manifolds.rst",
            category="3. Figures",
            labels={"figure": "Proximal flows on a manifold"},
        ),
        record=f"{RESULTS}/provenance/figure_manifolds/all.json",
    log:
        f"{RESULTS}/logs/figure_manifolds/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_manifolds/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.manifolds"),
        modules=used_by("figure_manifolds"),
        code=digest("figure_manifolds"),
    script:
        "../scripts/figure_manifolds.py"


STUDY_TABLES += [
    rules.table_manifolds.output.runs,
    rules.table_manifolds.output.table,
]
STUDY_FIGURES += [rules.figure_manifolds.output.figure]
