#!/bin/sh
# Trains the default model from nothing: sh default-model.sh <folder of texts> <folder to work in> [options of train.py]
# Every step that is done already is skipped, so it can be stopped and started again.
set -eu
texts=$1
work=$2
shift 2
here=$(dirname "$0")
python=${PYTHON:-python3}
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
mkdir -p "$work"
[ -e "$work/encoder/tokenizer.json" ] || "$python" "$here/encoder.py" --out "$work/encoder"
"$python" "$here/prepare.py" --text "$texts" --tokenizer "$work/encoder/tokenizer.json" --out "$work/prepared"
[ -e "$work/start/tokenizer.json" ] || "$python" "$here/start.py" --encoder "$work/encoder" --data "$work/prepared" --out "$work/start"
"$python" "$here/train.py" --data "$work/prepared" --init "$work/start" --out "$work/run" --compile "$@"
