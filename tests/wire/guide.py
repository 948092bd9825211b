"""The guide's examples, run: every `sh` block of docs/guide/simulate-aws.md, in one shell, with the AWS
command line; where a `text` block follows, the last line printed is what it says."""

import pathlib
import re
import subprocess
import sys

endpoint = sys.argv[1]
root = pathlib.Path(__file__).parents[2]
guide = (root / "docs/guide/simulate-aws.md").read_text()
blocks = re.findall(r"^```(\w+)\n(.*?)^```$", guide, flags=re.MULTILINE | re.DOTALL)
assert len(blocks) > 8, blocks

MARK = "--- the next block ---"
script = ["set -euo pipefail"]
expected = {}
examples = 0
for language, text in blocks:
    if language == "sh":
        script.append(text.replace("http://127.0.0.1:4566", endpoint) + f"echo '{MARK}'")
        examples += 1
    elif language == "text":
        expected[examples - 1] = text.strip()

environment = pathlib.Path(sys.executable).parent
shell = subprocess.run(
    ["bash", "-c", "\n".join(script)], capture_output=True, text=True,
    env={"PATH": f"{environment}:/usr/bin:/bin", "HOME": "/nonexistent", "AWS_PAGER": ""},
)
assert shell.returncode == 0, f"{shell.stdout}\n{shell.stderr}"
printed = [part.strip().splitlines() for part in shell.stdout.split(MARK)]
for index, text in expected.items():
    assert printed[index][-1] == text, (text, printed[index])
assert len(expected) >= 4, expected
