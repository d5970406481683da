# The theory of the OT-Transformer: proximal map, numerical game and bounds; nothing is trained.


rule study_proximal_map:
    output:
        runs=report(
            f"{RESULTS}/tables/proximal_map_runs.csv",
            caption="../report/table_proximal_map.rst",
            category="2. Tables",
            labels={"table": "OT-Transformer: proximal map"},
        ),
        bounds=f"{RESULTS}/tables/proximal_map_bounds.csv",
        starts=f"{RESULTS}/tables/proximal_map_starts.csv",
        paths=f"{RESULTS}/studies/proximal_map_paths.csv",
        record=f"{RESULTS}/provenance/study_proximal_map/all.json",
    log:
        f"{RESULTS}/logs/study_proximal_map/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_proximal_map/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.proximal_map"),
        modules=used_by("study_proximal_map"),
        code=digest("study_proximal_map"),
    script:
        "../scripts/study_proximal_map.py"


rule figure_proximal_map:
    input:
        runs=rules.study_proximal_map.output.runs,
        bounds=rules.study_proximal_map.output.bounds,
        paths=rules.study_proximal_map.output.paths,
    output:
        figure=report(
            f"{RESULTS}/figures/proximal_map.png",
            caption="../report/figure_proximal_map.rst",
            category="3. Figures",
            labels={"figure": "OT-Transformer: paths and bounds"},
        ),
        record=f"{RESULTS}/provenance/figure_proximal_map/all.json",
    log:
        f"{RESULTS}/logs/figure_proximal_map/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_proximal_map/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.proximal_map.lipschitz"),
        modules=used_by("figure_proximal_map"),
        code=digest("figure_proximal_map"),
    script:
        "../scripts/figure_proximal_map.py"


STUDY_TABLES += [
    rules.study_proximal_map.output.runs,
    rules.study_proximal_map.output.bounds,
    rules.study_proximal_map.output.starts,
]
STUDY_FIGURES += [rules.figure_proximal_map.output.figure]
