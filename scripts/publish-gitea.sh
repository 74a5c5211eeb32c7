#!/usr/bin/env bash
# Makes the tag's release on Gitea and attaches the files of dist/release, in a Gitea workflow (which sets the GITHUB_ variables):
#   TOKEN=... scripts/publish-gitea.sh
set -euo pipefail
cd "$(dirname "$0")/../dist/release"
releases="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/releases"
# The token comes by a file: the process list shows arguments.
gitea() { curl --silent --show-error --fail-with-body --header @<(printf 'Authorization: token %s\n' "$TOKEN") "$@"; }
id=$(gitea -H "Content-Type: application/json" -d "{\"tag_name\": \"$GITHUB_REF_NAME\", \"name\": \"$GITHUB_REF_NAME\"}" "$releases" | jq .id)
for file in *; do
  gitea --form "attachment=@$file" --output /dev/null "$releases/$id/assets?name=$file"
done
