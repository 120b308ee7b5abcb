#!/usr/bin/env bash
# Train the shipped models on one GPU and leave weights in parts of at most 15 MiB.
#
#   bench/gpu/train_all.sh PACKED OUT [NAME...]
#
# PACKED  what bench/gpu/pack_camvid.py wrote
# OUT     where NAME.safetensors.part-*, NAME.log.jsonl and NAME.scores.json go
# NAME    recipes of config/training without .yaml; default: those of the shipped models.
#         RECIPE:ARCHITECTURE trains another network with a recipe's values: the paper's Table 1 is
#         segnet_basic_paper:fcn_basic and so on.
#
# Runs live in $RUNS (default: PACKED/runs). A run that was cut short, by $SECONDS_EACH or by
# anything else, goes on from its last checkpoint when the same command is given again.
# Put the parts together again with: cat NAME.safetensors.part-* > NAME.safetensors
# Needed on the machine: torch, numpy, opencv, pyyaml, rich, safetensors, tensorboard, onnx.
set -euo pipefail
cd "$(dirname "$0")/../.."

packed=$1 out=$2
shift 2
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(segnet_light_camvid segnet_basic_camvid segnet_camvid)
runs=${RUNS:-$packed/runs}
rendered=$runs/rendered
segnet=(python3 -m segnet_ros)
mkdir -p "$out" "$runs"

if [ ! -d "$rendered" ]; then
    # Shares of one training set, drawn side by side: seeds 1000 to 1299.
    shares=$(nproc)
    for share in $(seq 0 $((shares - 1))); do
        first=$((1000 + share * 300 / shares)) next=$((1000 + (share + 1) * 300 / shares))
        "${segnet[@]}" render "$rendered/$share" --name train --varied \
            --frames $((next - first)) --seed "$first" > /dev/null &
    done
    wait
fi
data=(--data "$packed/camvid.yaml")
for share in "$rendered"/*; do data+=(--data "$share"); done

for entry in "${names[@]}"; do
    name=${entry//:/-} run=$runs/${entry//:/-}
    training=("${segnet[@]}" train "config/training/${entry%%:*}.yaml" "${data[@]}" --output "$run")
    [[ $entry == *:* ]] && training+=(--architecture "${entry#*:}")
    echo "== $name"
    "${training[@]}" --dry-run
    timeout --preserve-status --signal=INT "${SECONDS_EACH:-0}" "${training[@]}" \
        || echo "$name stopped early"
    [ -f "$run/weights.safetensors" ] || { echo "$name has no weights yet"; continue; }
    cp "$run/log.jsonl" "$out/$name.log.jsonl"
    python3 bench/gpu/halve_weights.py "$run/weights.safetensors" "$runs/$name.safetensors"
    split --bytes=15M "$runs/$name.safetensors" "$out/$name.safetensors.part-"
    "${segnet[@]}" evaluate --model "$runs/$name.safetensors" --data "$packed/camvid.yaml" \
        --split val --json "$out/$name.scores.json"
done
