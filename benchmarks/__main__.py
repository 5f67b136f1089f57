"""Run every benchmark: `python -m benchmarks` or `make bench`."""

from benchmarks import propagation, pvt_fixes, start_up

for module in (start_up, propagation, pvt_fixes):
    print(f"== {module.__name__}")
    module.main()
