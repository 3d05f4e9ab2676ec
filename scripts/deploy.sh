#!/usr/bin/env bash
# Brings one environment to the commit that is checked out: plan, build, push, migrate, apply, smoke test; and back
# to the image before when the smoke test fails. docs/deployment.md says what has to be there.
#
# Usage: scripts/deploy.sh dev|staging|production [--cloud gcp|aws|helm] [--dry-run]
#
# --dry-run prints every command in its order, and runs none.
#
# Exit codes: 0 deployed, 1 failed before anything that serves was changed, 2 wrong usage or something is missing,
# 3 failed and rolled back, 4 failed, and so did the way back.
#
# Variables, besides the credentials of cloud and registry:
#   gcp   PROJECT_ID, REGION, TF_STATE_BUCKET
#   aws   AWS_ACCOUNT_ID, AWS_REGION, TF_STATE_BUCKET, TF_VAR_host, TF_VAR_certificate_arn, TF_VAR_valkey_token
#   helm  IMAGE_REPOSITORY, CLOUDINTEL_URL; NAMESPACE (cloudintel)
#   all   SMOKE_WITHIN_S (300), SMOKE_EVERY_S (5): how long the smoke test tries, and how often
set -Eeuo pipefail
trap 'exit 1' ERR
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '== %s\n' "$*"; }

# Print what is wrong and what helps, and end.
refuse() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

usage() { refuse "$1. Usage: scripts/deploy.sh dev|staging|production [--cloud gcp|aws|helm] [--dry-run]"; }

# Run a command; in a dry run print it instead.
run() {
    if [[ $dry_run ]]; then
        printf '+ %s\n' "$(quoted "$@")"
    else
        "$@"
    fi
}

# Write a command as one could paste it, but for placeholders, which stay as they are.
quoted() {
    local word words=()
    for word; do
        if [[ $word =~ ^[][A-Za-z0-9_./:=@,+\<\>{}*-]+$ ]]; then words+=("$word"); else words+=("${word@Q}"); fi
    done
    printf '%s' "${words[*]}"
}

# --- What is asked for -------------------------------------------------------------------------
environment='' cloud=gcp dry_run=''
while (($#)); do
    case $1 in
    --dry-run) dry_run=1 ;;
    --cloud)
        (($# > 1)) || usage "--cloud needs gcp, aws or helm"
        cloud=$2
        shift
        ;;
    --cloud=*) cloud=${1#*=} ;;
    -*) usage "unknown option $1" ;;
    *)
        [[ -z $environment ]] || usage "one environment at a time, not $environment and $1"
        environment=$1
        ;;
    esac
    shift
done
case $environment in
dev | staging | production) ;;
'') usage "which environment?" ;;
*) usage "unknown environment $environment" ;;
esac

name=cloudintel-$environment
case $cloud in
gcp)
    tools=(git docker curl terraform gcloud)
    variables=(PROJECT_ID REGION TF_STATE_BUCKET)
    ;;
aws)
    tools=(git docker curl terraform aws python3)
    variables=(AWS_ACCOUNT_ID AWS_REGION TF_STATE_BUCKET TF_VAR_host TF_VAR_certificate_arn TF_VAR_valkey_token)
    ;;
helm)
    tools=(git docker curl helm python3)
    variables=(IMAGE_REPOSITORY CLOUDINTEL_URL)
    ;;
*) usage "unknown cloud $cloud" ;;
esac

# --- What it needs -----------------------------------------------------------------------------
check_tools() {
    local tool missing=()
    for tool in "${tools[@]}"; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || refuse "not installed, or not in PATH: ${missing[*]}"
}

check_variables() {
    local variable missing=()
    for variable in "${variables[@]}"; do
        [[ ${!variable:-} ]] || missing+=("$variable")
    done
    ((${#missing[@]} == 0)) || refuse "not set: ${missing[*]}. The head of scripts/deploy.sh says what each is for"
}

# Production is what a commit says, and nothing else.
check_tree() {
    [[ $environment == production ]] || return 0
    [[ -z $(git status --porcelain) ]] || refuse "there are changes that are not committed: commit or stash them"
}

# In a dry run, what is not set is shown by its name.
stand_in() {
    local variable
    for variable in "${variables[@]}"; do
        [[ ${!variable:-} ]] || printf -v "$variable" '<%s>' "$variable"
    done
}

commit() { git rev-parse --short=12 HEAD 2>/dev/null || printf 'unknown'; }

if [[ $dry_run ]]; then
    say "dry run: nothing is changed"
    stand_in
else
    check_tools
    check_variables
    check_tree
fi

tag=$(commit)
[[ $dry_run || -z $(git status --porcelain) ]] || tag+=-$(date -u +%Y%m%d%H%M%S)

# --- Terraform, in both clouds -------------------------------------------------------------------
tf() { run terraform -chdir="deploy/terraform/$cloud" "$@"; }

# Terraform's variables for an image.
tf_variables() { printf '%s\n' "-var-file=environments/$environment.tfvars" "-var=image=$1" "${tf_own[@]}"; }

tf_init() { tf init -input=false -reconfigure "${backend[@]}"; }

tf_plan() {
    local variables
    mapfile -t variables < <(tf_variables "$image")
    tf plan -input=false -lock=false "${variables[@]}"
}

# Apply an image, with what else Terraform is told.
tf_apply() {
    local variables
    mapfile -t variables < <(tf_variables "$1")
    tf apply -input=false -auto-approve "${variables[@]}" "${@:2}"
}

# Read one of Terraform's outputs; nothing where there is no state yet, the name in a dry run.
tf_output() {
    if [[ $dry_run ]]; then
        printf '<%s>' "$1"
    else
        terraform -chdir="deploy/terraform/$cloud" output -raw "$1" 2>/dev/null || true
    fi
}

tf_field() {
    if [[ $dry_run ]]; then
        printf '<%s.%s>' "$1" "$2"
    else
        terraform -chdir="deploy/terraform/$cloud" output -json "$1" |
            python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
    fi
}

# --- The clouds ----------------------------------------------------------------------------------
gcp_settle() {
    image=$REGION-docker.pkg.dev/$PROJECT_ID/$name/cloudintel:$tag
    backend=(-backend-config="bucket=$TF_STATE_BUCKET" -backend-config="prefix=$name")
    tf_own=(-var="project_id=$PROJECT_ID" -var="region=$REGION")
}
gcp_log_in() { run gcloud auth configure-docker "$REGION-docker.pkg.dev" --quiet; }
gcp_migrate() {
    tf_apply "$image" -target=google_cloud_run_v2_job.migrate
    run gcloud run jobs execute "$name-migrate" --project="$PROJECT_ID" --region="$REGION" --wait
}

# The revision before serves at once; Terraform then makes what is declared agree with it.
gcp_back() {
    local service
    for service in web etl; do
        [[ -z ${revisions[$service]:-} ]] ||
            run gcloud run services update-traffic "$name-$service" --project="$PROJECT_ID" --region="$REGION" \
                --to-revisions="${revisions[$service]}=100" || true
    done
    tf_apply "$1"
}
gcp_remember() {
    local service
    for service in web etl; do
        if [[ $dry_run ]]; then
            revisions[$service]="<revision of $service>"
        else
            revisions[$service]=$(gcloud run services describe "$name-$service" --project="$PROJECT_ID" \
                --region="$REGION" --format='value(status.latestReadyRevisionName)' 2>/dev/null || true)
        fi
    done
}

aws_settle() {
    registry=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com
    image=$registry/$name:$tag
    backend=(
        -backend-config="bucket=$TF_STATE_BUCKET" -backend-config="key=$name.tfstate" -backend-config="region=$AWS_REGION"
    )
    tf_own=(-var="account_id=$AWS_ACCOUNT_ID" -var="region=$AWS_REGION")
}
aws_log_in() {
    if [[ $dry_run ]]; then
        printf '+ aws ecr get-login-password | docker login --username=AWS --password-stdin %s\n' "$registry"
    else
        aws ecr get-login-password --region="$AWS_REGION" |
            docker login --username=AWS --password-stdin "$registry"
    fi
}
aws_migrate() {
    tf_apply "$image" '-target=aws_ecs_task_definition.task["migrate"]'
    local task=("--cluster=$name" "--region=$AWS_REGION") arn='<task>' code
    if [[ $dry_run ]]; then
        run aws ecs run-task "${task[@]}" --launch-type=FARGATE "--task-definition=$(tf_field migrate task)" \
            "--network-configuration=$(tf_field migrate network)" --query='tasks[0].taskArn' --output=text
    else
        arn=$(aws ecs run-task "${task[@]}" --launch-type=FARGATE --task-definition="$(tf_field migrate task)" \
            --network-configuration="$(tf_field migrate network)" --query='tasks[0].taskArn' --output=text)
    fi
    run aws ecs wait tasks-stopped "${task[@]}" "--tasks=$arn"
    [[ ! $dry_run ]] || return 0
    code=$(aws ecs describe-tasks "${task[@]}" --tasks="$arn" --query='tasks[0].containers[0].exitCode' --output=text)
    [[ $code == 0 ]] || { printf 'error: the migrations ended with %s; see the log group of the tasks\n' "$code" >&2; return 1; }
}
aws_back() { tf_apply "$1"; }
aws_remember() { :; }

# --- Helm ----------------------------------------------------------------------------------------
helm_settle() {
    image=$IMAGE_REPOSITORY:$tag
    chart=deploy/helm/cloudintel
    release=(cloudintel --namespace="${NAMESPACE:-cloudintel}")
    helm_values=(
        --values="$chart/values-$environment.yaml" --set-string="image.repository=$IMAGE_REPOSITORY"
        --set-string="image.tag=$tag"
    )
}
helm_log_in() { :; }
helm_remember() {
    if [[ $dry_run ]]; then
        before='<revision>'
    else
        before=$(helm history "${release[@]}" --output=json 2>/dev/null | python3 -c '
import json, sys
print(*[one["revision"] for one in json.load(sys.stdin) if one["status"] == "deployed"][-1:])' || true)
    fi
}

# --- The steps -----------------------------------------------------------------------------------
plan() {
    say "plan"
    if [[ $cloud == helm ]]; then
        run helm lint "$chart" --strict "${helm_values[@]}"
        run helm upgrade "${release[@]:0:1}" "$chart" --install "${release[@]:1}" "${helm_values[@]}" --dry-run=server
    else
        tf_init
        tf_plan
    fi
}

build() {
    say "build $image"
    run docker build --pull --platform=linux/amd64 --tag="$image" .
}

push() {
    say "push"
    "${cloud}_log_in"
    run docker push "$image"
}

# What runs now, to go back to.
remember() {
    before=
    [[ $cloud == helm ]] || before=$(tf_output image)
    "${cloud}_remember"
}

# The chart migrates by its hook.
migrate() {
    [[ $cloud != helm ]] || return 0
    say "migrate"
    "${cloud}_migrate"
}

apply() {
    say "apply"
    if [[ $cloud == helm ]]; then
        run helm upgrade "${release[@]:0:1}" "$chart" --install "${release[@]:1}" "${helm_values[@]}" --create-namespace \
            --wait --timeout=15m
    else
        tf_apply "$image"
    fi
}

url() { if [[ $cloud == helm ]]; then printf '%s' "$CLOUDINTEL_URL"; else tf_output url; fi; }

# Ask until all three answer 200, or the time is over.
smoke() {
    say "smoke test"
    local base path deadline=$((SECONDS + ${SMOKE_WITHIN_S:-300}))
    base=$(url)
    for path in /livez /readyz /health; do
        until run curl --fail --silent --show-error --output /dev/null --max-time 10 "$base$path"; do
            if ((SECONDS >= deadline)); then
                printf 'error: %s%s did not answer 200 within %s s\n' "$base" "$path" "${SMOKE_WITHIN_S:-300}" >&2
                return 1
            fi
            sleep "${SMOKE_EVERY_S:-5}"
        done
    done
}

go_back() {
    if [[ $cloud == helm ]]; then
        run helm rollback "${release[@]:0:1}" "$before" "${release[@]:1}" --wait --timeout=15m
    else
        "${cloud}_back" "$before"
    fi
}

# Back to what ran before. Migrations stay: each release runs on the tables of the next one.
roll_back() {
    if [[ -z $before ]]; then
        printf 'error: nothing ran here before, so there is nothing to go back to\n' >&2
        exit 4
    fi
    say "roll back to $before"
    if go_back && smoke; then
        printf 'error: %s did not come up; %s runs again\n' "$image" "$before" >&2
        exit 3
    fi
    printf 'error: %s did not come up, and rolling back to %s failed: look at it now\n' "$image" "$before" >&2
    exit 4
}

declare -A revisions=()
"${cloud}_settle"
plan
remember
build
push
migrate
if ! apply || ! smoke; then
    roll_back
fi
if [[ $dry_run ]]; then
    say "if the smoke test failed: roll back"
    go_back
    say "dry run: nothing was changed"
else
    say "deployed $image"
fi
