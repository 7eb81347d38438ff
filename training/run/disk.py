"""What disks refuse: space reserved before it is needed, outputs tried before the work, errors in words."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, a quota, a limit of the process
UNKNOWN = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # of a file system that can't reserve
PIECE = 1 << 20


def reserve(stream: BinaryIO, start: int, size: int) -> None:
    """Take space for the bytes of a file from `start` up to `size`, so that none is missing while they are written.

    OSError if the disk has less. Memory mapped to a file of holes would end the process instead (SIGBUS).
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(stream.fileno(), start, size - start)
            return
        except OSError as error:
            if error.errno not in UNKNOWN:
                raise
    stream.seek(start)
    for place in range(start, size, PIECE):
        stream.write(bytes(min(PIECE, size - place)))
    stream.flush()
    stream.seek(0)


def lacks_space(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error, however it was raised again."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def no_space(file: Path, size: int = 0) -> str:
    """The sentence on a disk that has no room for a file of so many bytes."""
    folder = next(path for path in (file.absolute(), *file.absolute().parents) if path.is_dir())
    disk = next(path for path in (folder, *folder.parents) if path.is_mount())
    needed = f"{-(-size // 10**6):,} MB are needed, " if size else ""
    free = shutil.disk_usage(folder).free // 10**6
    return f"There is no space left on {disk} for {file}: {needed}{free:,} MB are free; make room or write elsewhere."


def in_words(error: OSError) -> str:
    """What the system refused, in one sentence."""
    if error.filename is None or error.strerror is None:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    if lacks_space(error):
        return no_space(Path(os.fsdecode(error.filename)))
    return f"{os.fsdecode(error.filename)} can't be used ({error.strerror}); mend that, or name another."


def check_file(*files: Path | None) -> None:
    """Before the work, make the folders of files that are to be written; ValueError names what can't be."""
    for file in filter(None, files):
        if file.is_dir():
            raise ValueError(f"{file} is a folder; give the name of a file.")
        make_folder(file.parent)


def check_folder(folder: Path) -> None:
    """Before the work, make a folder for a try and leave nothing of it; ValueError if that can't be done."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    for path in missing:
        path.rmdir()


def make_folder(folder: Path) -> None:
    """Make a folder and write to it for a try; ValueError if that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(b"tried")
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{folder} can't be a folder, since a file is in its place; choose another.") from error
    except OSError as error:
        if lacks_space(error):
            raise ValueError(no_space(folder)) from error
        raise ValueError(f"{folder} can't be written to ({error.strerror}); choose another folder.") from error
