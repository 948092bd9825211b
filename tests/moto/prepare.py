"""Makes the virtual environment that the moto tests run in, once per requirements.txt.

    python3 tests/moto/prepare.py DIRECTORY

Installs nothing when DIRECTORY already holds what requirements.txt asks for, so that a second run
needs no network. Prints nothing on success but the name of the environment.
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import venv

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def wanted() -> str:
    """What an environment must have been made from to be used as it is."""
    made_from = REQUIREMENTS.read_bytes() + sys.version.encode()
    return hashlib.sha256(made_from).hexdigest()


def prepare(directory: pathlib.Path) -> None:
    stamp = directory / "requirements.sha256"
    if stamp.is_file() and stamp.read_text() == wanted():
        return
    if directory.exists() and any(directory.iterdir()):
        # Only what is an environment is ever made anew.
        if not (directory / "pyvenv.cfg").is_file():
            raise OSError("it exists and is no virtual environment; name another directory")
        shutil.rmtree(directory)
    venv.create(directory, with_pip=True)
    subprocess.run(
        [directory / "bin" / "python", "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--requirement", REQUIREMENTS],
        check=True,
        stdout=sys.stderr,
    )
    # Last, so that an installation that broke off is begun anew.
    stamp.write_text(wanted())


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    directory = pathlib.Path(sys.argv[1]).resolve()
    try:
        prepare(directory)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"cannot make the environment for moto in {directory}: {error}", file=sys.stderr)
        return 1
    print(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
