#!/usr/bin/env bash
# Builds the image of this commit for amd64 and arm64 and pushes it, under the version that the tag names and, if it is
# no pre-release, as `latest`:
#   REGISTRY_TOKEN=... GITHUB_REF_NAME=v1.2.3 scripts/push-image.sh registry.example.com/owner/proxmox-mcp USER
set -euo pipefail
cd "$(dirname "$0")/.."
image=${1,,}
tags=(--tag "$image:${GITHUB_REF_NAME#v}")
# A release before the release, such as v1.2.3-rc.1, is not what `latest` means.
[[ $GITHUB_REF_NAME == *-* ]] || tags+=(--tag "$image:latest")
docker login "${image%%/*}" --username "$2" --password-stdin <<<"$REGISTRY_TOKEN"
# Docker's own builder makes images for one processor only.
docker buildx create --use
docker buildx build --file Dockerfile.distroless --platform linux/amd64,linux/arm64 \
  --build-arg "COMMIT=$(git rev-parse HEAD)" "${tags[@]}" --push .
