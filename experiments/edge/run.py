"""Where a shock runs away: the fall against the size of the shock, the leverage that is open, and the depth.

    python experiments/edge/run.py [--quick] [--threads N] [--out DIR]

Prints where the edges lie, writes `edge.json` and `edge.png`; the same as `cascade edge`.
"""

import argparse
import json
from pathlib import Path

from cascade.edge import study
from cascade.plots.edge import edge
from cascade.plots.style import style
from cascade.report.causes import edge_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarser grid and one seed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    found = study(quick=options.quick, threads=options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "edge.json").write_text(json.dumps(found.as_dict(), allow_nan=False) + "\n")
    with style():
        edge(found).savefig(options.out / "edge.png", dpi=150, metadata={"Software": None})
    print(edge_text(found))


if __name__ == "__main__":
    main()
