"""Games that can be solved by hand: the exact answers against which every solver is tested."""
