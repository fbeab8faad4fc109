"""``python -m act_bench.cli`` is the command ``act-bench``."""

from act_bench.cli import main

if __name__ == "__main__":
    main(prog_name="act-bench")
