#!/bin/sh
# Packs the app with the Python that it will run on; azd deploys what lies in .tools/app then.
set -eu
cd "$(dirname "$0")/.."

make package PYTHON="python${FLINKFUNCS_PYTHON_VERSION:-3.13}"
