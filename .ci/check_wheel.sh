#!/bin/sh
# The wheel works alone: build it, install it with nothing but its declared dependencies, import every module, run its demo.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
mkdir "$empty/home" "$empty/elsewhere"

.venv/bin/python -m build --wheel --no-isolation --outdir "$empty/dist" . >"$empty/build.log" 2>&1 ||
    { cat "$empty/build.log"; exit 1; }
.venv/bin/python -m venv --without-pip "$empty/venv"
.venv/bin/uv pip install --quiet --python "$empty/venv/bin/python" --constraint .ci/requirements/base.txt "$empty"/dist/*.whl

cd "$empty/elsewhere"
alone() { env -i PATH="$PATH" HOME="$empty/home" LANG=C.UTF-8 "$@"; }
alone "$empty/venv/bin/python" - "$root" <<'PYTHON'
import importlib
import pathlib
import pkgutil
import sys

import imilab

assert not pathlib.Path(imilab.__file__).is_relative_to(sys.argv[1]), f"imported from the source tree: {imilab.__file__}"
names = [module.name for module in pkgutil.walk_packages(imilab.__path__, "imilab.") if not module.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(f"{len(names)} modules import without extras")
PYTHON
alone timeout 300 "$empty/venv/bin/imilab" demo --folder "$empty/demo"
results=$(find "$empty/demo" -type f \( -name '*.html' -o -name '*.csv' -o -name '*.parquet' -o -name '*.xlsx' \) -size +0)
if [ -z "$results" ]; then echo "the demo wrote no result" >&2; exit 1; fi
(cd "$empty/demo" && find . -type f -exec ls -l {} + | awk '{ print $5, $NF }')
