"""Visitors' pictures, each decoded by a process of its own: python -m t2i.serving.decoder FILE

Some decoders hold up all that a process does, and any may be led to work without end: here they hold up nobody, and
what takes more than a part of a minute or too much memory comes to an end.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image

from t2i.photos import open_photo

HOME = Path(__file__).resolve().parents[2]
WORK_SECONDS, MEMORY = 20, 2_000_000_000  # of a core; bytes of addresses, of which libraries take a quarter
REFUSED = 3  # status after a sentence; Python itself ends with 1 and 2
PATIENCE = 300  # seconds, where others keep the cores busy


def decode(file: str | Path) -> Image.Image:
    """What `open_photo` gives of a file, with the text `parameters` that a PNG of ours has; ValueError as there."""
    path = Path(file).absolute()
    line, values = [sys.executable, "-m", __name__, str(path)], os.environ | {"OMP_NUM_THREADS": "1"}
    try:
        told = subprocess.run(line, cwd=HOME, env=values, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        told = None
    if told and told.returncode == REFUSED:
        raise ValueError(told.stderr.decode().strip())
    if not told or told.returncode:
        raise ValueError(f"{path.name} takes too much work to read; save it as an ordinary JPEG or PNG and send that.")
    head, _, pixels = told.stdout.partition(b"\n")
    facts = json.loads(head)
    image = Image.frombytes("RGB", facts["size"], pixels)
    image.info |= facts["info"]
    return image


def main(file: str) -> None:
    """Print size and text as a line of JSON, then the pixels; or end with a sentence and the status REFUSED."""
    with suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (WORK_SECONDS, WORK_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        image = open_photo(file)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    info = {name: text for name, text in image.info.items() if name == "parameters" and isinstance(text, str)}
    sys.stdout.buffer.write(json.dumps({"size": image.size, "info": info}).encode() + b"\n" + image.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
