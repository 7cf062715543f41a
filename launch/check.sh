#!/usr/bin/env bash
# Everything that must hold before a change lands; .ci/run calls it, and so can
# you, in an environment with requirements-dev.txt installed.
#   launch/check.sh [lint|types|wheel|tests ...]     all of them without a name
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

lint() {
  ruff check .
  ruff format --check .
  lint-imports
}

types() {
  mypy
}

# Builds the wheel and runs what needs nothing but the installed package, from
# another directory: files that were forgotten in the wheel show here.
wheel() {
  local work
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  python -m build --wheel --outdir "$work" . > "$work/build.log" 2>&1 ||
    { cat "$work/build.log"; return 1; }
  python -m pip install --quiet --no-deps --target "$work/site" "$work"/*.whl
  mkdir "$work/elsewhere"
  cp -r tests configs pyproject.toml "$work/elsewhere"
  (
    cd "$work/elsewhere"
    export PYTHONPATH="$work/site" FUSIONJAX_TOP="$top"
    python - <<'PY'
import os, fusionjax
site = os.environ['PYTHONPATH']
assert fusionjax.__file__.startswith(site), fusionjax.__file__
PY
    python -m pytest tests/test_api.py tests/test_imports.py tests/pretrained \
      tests/test_cli.py -k 'not published and not benchmark and not evaluate'
  )
}

tests() {
  python -m pytest
}

for step in "${@:-lint types wheel tests}"; do
  for name in $step; do
    echo "== $name"
    "$name"
  done
done
