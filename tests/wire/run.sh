#!/bin/sh
# run.sh WIRE_TOOL PROTO_DIR: compiles the .proto files for Python and runs test_wire.py.
set -eu
python=${SKILLSTREAM_PYTHON:-python3}
command -v protoc >/dev/null || { echo "skipped: no protoc"; exit 77; }
"$python" -c 'import google.protobuf' 2>/dev/null || { echo "skipped: $python has no protobuf package (set SKILLSTREAM_PYTHON)"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
protoc --proto_path="$2" --python_out="$out" "$2"/skillstream/v1/job_ad.proto "$2"/skillstream/v1/skill_record.proto
# Older protoc makes code that newer protobuf packages only take from their pure Python side.
if ! PYTHONPATH="$out" "$python" -c 'import skillstream.v1.skill_record_pb2' 2>/dev/null; then
  export PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python
  PYTHONPATH="$out" "$python" -c 'import skillstream.v1.skill_record_pb2' 2>/dev/null ||
    { echo "skipped: this protoc's code does not suit the protobuf package"; exit 77; }
fi
PYTHONPATH="$out" exec "$python" "$here/test_wire.py" "$1"
