"""One Lightning module and one ``fit`` for every solver; checkpoints and seeds."""
