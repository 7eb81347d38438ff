"""Many visitors, and such as mean no good: python tests/load.py, prints one table, ends with 1 if something broke.

Without --address it starts app.py itself, with a cold cache of its own, and stops it at the end.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from operator import itemgetter
from pathlib import Path

from support import fuzz
from support.load import abuse, alone, bombs, calls, ending, forgeries, visitors
from support.load.bench import MB, Bench, Memory, Row, serving
from support.load.wire import Client, Lost

Measure = Callable[[Bench], Awaitable[list[Row]]]
MEASURES: dict[str, Measure] = {
    "start": visitors.measure_start,
    "alone": alone.measure_alone,
    "library": alone.measure_library,
    "visitors": visitors.measure_visitors,
    "get": visitors.measure_get,
    "both": visitors.measure_both,
    "memory": visitors.measure_memory,
    "slow": abuse.measure_slow,
    "half-open": abuse.measure_half_open,
    "bodies": abuse.measure_bodies,
    "readers": abuse.measure_slow_readers,
    "paths": forgeries.measure_paths,
    "headers": forgeries.measure_headers,
    "html": forgeries.measure_html,
    "bombs": bombs.measure_bombs,
    "photographs": bombs.measure_photographs,
    "metadata": forgeries.measure_metadata,
    "calls": calls.measure_calls,
    "fuzz": fuzz.measure_fuzz,
    "files": ending.measure_files,
    "stop": ending.measure_stop,
}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of a server that runs; without it app.py is started")
    parser.add_argument("--seconds", type=float, default=60, help="of each load (default: %(default)s)")
    parser.add_argument("--visitors", type=int, default=64, help="at the same time (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200, help="requests a second (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=20_000, help="while memory is watched (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="NAME", help=names())
    parser.add_argument("--small", action="store_true", help="smaller bodies and pictures, for a quick look")
    parser.add_argument("--patience", type=float, default=1, help="times the seconds allowed (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep there what the server prints")
    return parser.parse_args()


def names() -> str:
    return f"measure only these: {', '.join(MEASURES)}"


def main() -> None:
    options = read_arguments()
    with tempfile.TemporaryDirectory() as folder:
        if options.address:
            rows = asyncio.run(measured(Bench(Client(options.address), options, Path(folder))))
        else:
            with serving(Path(folder, "main")) as server:
                bench = Bench(Client(server.address), options, Path(folder), server)
                rows = asyncio.run(measured(bench))
            if options.log:
                options.log.write_text(server.log.read_text())
    print(table(rows))
    if options.markdown:
        options.markdown.write_text(table(rows) + "\n")
    for row in rows:
        for fault in row.faults:
            print(f"\n{row.measure}: {fault}", end="")
    print()
    sys.exit(any(row.held is False for row in rows))


async def measured(bench: Bench) -> list[Row]:
    """All rows, one measure after another."""
    rows, begins = [], {"the start": 0.0}
    if bench.server:
        bench.started = await bench.server.answering()
        bench.memory = Memory(bench.server.process.pid) if Path("/proc/self/status").exists() else None
        bench.note_memory("at the start")
    try:
        await bench.client.config()
    except Lost as lost:
        raise SystemExit(f"There is no page at {bench.client.host}:{bench.client.port}: {lost}") from lost
    for name in MEASURES:
        if name in bench.options.only:
            if bench.server and name != "start":
                await bench.server.complete()
            begins[name] = begun = time.monotonic()
            try:
                found = await MEASURES[name](bench)
            except Exception as error:  # whatever a broken server leads to, the others' rows are wanted
                found = [Row(name, "broke off", "an answer", False, (f"{type(error).__name__}: {error}",))]
            rows += found
            if name in ("visitors", "get", "both"):
                bench.note_memory("after the load")
            seconds = time.monotonic() - begun
            print(*map(line, found), f"  ({seconds:.0f} s)", sep="\n", file=sys.stderr, flush=True)
    bench.client.close()
    return [*rows, peak(bench, begins)]


def peak(bench: Bench, begins: dict[str, float]) -> Row:
    """The most memory that the server had at any time, and in which of the measures, by when they began."""
    measure, wanted = "peak memory over everything", "< 1200 MB"
    if not bench.memory:
        return Row(measure, "not measured: no /proc, or a server of others", wanted, None)
    most = bench.memory.most()
    bench.memory.close()
    when, _ = max(bench.memory.samples, key=itemgetter(1))
    name = [name for name, begun in begins.items() if begun <= when][-1]
    return Row(measure, f"{most // MB} MB, in {name}", wanted, most < visitors.PEAK_WANTED)


def line(row: Row) -> str:
    held = {True: "yes", False: "**no**", None: "–"}[row.held]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (row.measure, row.result, row.wanted, held)) + " |"


def table(rows: list[Row]) -> str:
    """Markdown."""
    return "\n".join(["| measure | result | wanted | held |", "|---|---|---|---|", *map(line, rows)])


if __name__ == "__main__":
    main()
