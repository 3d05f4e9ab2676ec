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
exec 3>&1

say() { printf '== %s\n' "$*"; }
complain() { printf 'error: %s\n' "$*" >&2; }

# Say what is wrong and what helps, and end.
refuse() {
    complain "$*"
    exit 2
}

usage() { refuse "$1. Usage: scripts/deploy.sh dev|staging|production [--cloud gcp|aws|helm] [--dry-run]"; }

# Run a command; in a dry run print it instead, as one could paste it but for the placeholders.
run() {
    if [[ ! $dry_run ]]; then
        "$@"
        return
    fi
    local word line='+'
    for word; do
        [[ $word =~ ^[][A-Za-z0-9_./:=@,+\<\>{}*-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    printf '%s\n' "$line" >&3
}

# Run a command for its answer: ask NAME COMMAND… In a dry run the answer is its name.
ask() {
    run "${@:2}"
    [[ ! $dry_run ]] || printf '<%s>' "$1"
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
case $cloud in
gcp)
    tools=(git docker curl terraform gcloud)
    variables=(PROJECT_ID REGION TF_STATE_BUCKET)
    ;;
aws)
    tools=(git docker curl terraform aws)
    variables=(AWS_ACCOUNT_ID AWS_REGION TF_STATE_BUCKET TF_VAR_host TF_VAR_certificate_arn TF_VAR_valkey_token)
    ;;
helm)
    tools=(git docker curl helm)
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

# In a dry run, what is not set is shown by its name.
check_variables() {
    local variable missing=()
    for variable in "${variables[@]}"; do
        [[ ! ${!variable:-} ]] || continue
        missing+=("$variable")
        printf -v "$variable" '<%s>' "$variable"
    done
    [[ $dry_run ]] || ((${#missing[@]} == 0)) ||
        refuse "not set: ${missing[*]}. The head of scripts/deploy.sh says what each is for"
}

# An image is named after its commit, and after the time as well where there is more in it than the commit.
# Production is what a commit says, and nothing else.
name_commit() {
    tag=$(git rev-parse --short=12 HEAD 2>/dev/null || printf 'unknown')
    [[ ! $dry_run && $(git status --porcelain) ]] || return 0
    [[ $environment != production ]] || refuse "there are changes that are not committed: commit or stash them"
    tag+=-$(date -u +%Y%m%d%H%M%S)
}

# --- Terraform, in both clouds -------------------------------------------------------------------
tf() { run terraform -chdir="deploy/terraform/$cloud" "$@"; }

# Apply an image, with what else Terraform is told.
tf_apply() { tf apply -input=false -auto-approve "${settings[@]}" "-var=image=$1" "${@:2}"; }

# Read one of Terraform's outputs; nothing where there is no state yet.
tf_output() { ask "$1" terraform -chdir="deploy/terraform/$cloud" output -raw "$1" 2>/dev/null || true; }

tf_plan() {
    tf init -input=false -reconfigure "${backend[@]}"
    tf plan -input=false -lock=false "${settings[@]}" "-var=image=$image"
}

# --- Google Cloud ----------------------------------------------------------------------------------
gcp_settle() {
    image=$REGION-docker.pkg.dev/$PROJECT_ID/$name/cloudintel:$tag
    backend=("-backend-config=bucket=$TF_STATE_BUCKET" "-backend-config=prefix=$name")
    settings=("-var-file=environments/$environment.tfvars" "-var=project_id=$PROJECT_ID" "-var=region=$REGION")
    where=("--project=$PROJECT_ID" "--region=$REGION")
}

gcp_log_in() { run gcloud auth configure-docker "$REGION-docker.pkg.dev" --quiet; }

gcp_migrate() {
    tf_apply "$image" -target=google_cloud_run_v2_job.migrate
    run gcloud run jobs execute "$name-migrate" "${where[@]}" --wait
}

declare -A revisions=()
gcp_remember() {
    local service
    before=$(tf_output image)
    for service in web etl; do
        revisions[$service]=$(ask "$service-revision" gcloud run services describe "$name-$service" "${where[@]}" \
            '--format=value(status.latestReadyRevisionName)' 2>/dev/null || true)
    done
}

# The revision before serves at once; Terraform then makes what is declared agree with it.
gcp_back() {
    local service
    for service in web etl; do
        [[ -z ${revisions[$service]} ]] ||
            run gcloud run services update-traffic "$name-$service" "${where[@]}" \
                "--to-revisions=${revisions[$service]}=100" || true
    done
    tf_apply "$before"
}

# --- AWS -------------------------------------------------------------------------------------------
aws_settle() {
    registry=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com
    image=$registry/$name:$tag
    backend=("-backend-config=bucket=$TF_STATE_BUCKET" "-backend-config=key=$name.tfstate"
        "-backend-config=region=$AWS_REGION")
    settings=("-var-file=environments/$environment.tfvars" "-var=account_id=$AWS_ACCOUNT_ID" "-var=region=$AWS_REGION")
}

aws_log_in() {
    local password
    password=$(ask password aws ecr get-login-password "--region=$AWS_REGION")
    run docker login --username=AWS --password-stdin "$registry" <<<"$password"
}

aws_migrate() {
    local where=("--cluster=$name" "--region=$AWS_REGION") network task code
    tf_apply "$image" '-target=aws_ecs_task_definition.task["migrate"]'
    network=$(tf_output migrate_network)
    # By the family's name: after an apply of one target, Terraform's outputs tell of the definition before.
    task=$(ask task aws ecs run-task "${where[@]}" --launch-type=FARGATE "--task-definition=$name-migrate" \
        "--network-configuration=$network" '--query=tasks[0].taskArn' --output=text)
    run aws ecs wait tasks-stopped "${where[@]}" "--tasks=$task"
    code=$(ask code aws ecs describe-tasks "${where[@]}" "--tasks=$task" \
        '--query=tasks[0].containers[0].exitCode' --output=text)
    [[ $dry_run || $code == 0 ]] || {
        complain "the migrations ended with $code; see the log group of the tasks"
        return 1
    }
}

aws_remember() { before=$(tf_output image); }
aws_back() { tf_apply "$before"; }

# --- Helm ------------------------------------------------------------------------------------------
helm_settle() {
    image=$IMAGE_REPOSITORY:$tag
    chart=deploy/helm/cloudintel
    namespace=--namespace=${NAMESPACE:-cloudintel}
    settings=("--values=$chart/values-$environment.yaml" "--set-string=image.repository=$IMAGE_REPOSITORY"
        "--set-string=image.tag=$tag")
}

helm_log_in() { :; }
helm_upgrade() { run helm upgrade cloudintel "$chart" --install "$namespace" "${settings[@]}" "$@"; }

helm_remember() {
    before=$(ask revision helm history cloudintel "$namespace" 2>/dev/null || true)
    [[ $dry_run ]] || before=$(awk '/[ \t]deployed[ \t]/ {revision = $1} END {print revision}' <<<"$before")
}

helm_back() { run helm rollback cloudintel "$before" "$namespace" --wait --timeout=15m; }

# --- The steps -----------------------------------------------------------------------------------
plan() {
    say "plan"
    if [[ $cloud == helm ]]; then
        run helm lint "$chart" --strict "${settings[@]}"
        helm_upgrade --dry-run=server
    else
        tf_plan
    fi
}

# A tag never changes, so what a deployment before has pushed stays as it is; a dry run shows the longer way.
build_and_push() {
    say "build $image"
    "${cloud}_log_in"
    if run docker manifest inspect "$image" >/dev/null 2>&1 && [[ ! $dry_run ]]; then
        say "it is in the registry already"
        return
    fi
    run docker build --pull --platform=linux/amd64 "--tag=$image" .
    say "push"
    run docker push "$image"
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
        helm_upgrade --create-namespace --wait --timeout=15m
    else
        tf_apply "$image"
    fi
}

# Ask until all three answer 200, or the time is over.
smoke() {
    say "smoke test"
    local base path deadline=$((SECONDS + ${SMOKE_WITHIN_S:-300}))
    if [[ $cloud == helm ]]; then base=$CLOUDINTEL_URL; else base=$(tf_output url); fi
    for path in /livez /readyz /health; do
        until run curl --fail --silent --show-error --output /dev/null --max-time 10 "$base$path"; do
            if ((SECONDS >= deadline)); then
                complain "$base$path did not answer 200 within ${SMOKE_WITHIN_S:-300} s"
                return 1
            fi
            sleep "${SMOKE_EVERY_S:-5}"
        done
    done
}

# Back to what ran before. Migrations stay: each release runs on the tables of the next one.
roll_back() {
    if [[ -z $before ]]; then
        complain "nothing ran here before, so there is nothing to go back to"
        exit 4
    fi
    say "roll back to $before"
    if "${cloud}_back" && smoke; then
        complain "$image did not come up; $before runs again"
        exit 3
    fi
    complain "$image did not come up, and rolling back to $before failed: look at it now"
    exit 4
}

[[ ! $dry_run ]] || say "dry run: nothing is changed"
[[ $dry_run ]] || check_tools
check_variables
name_commit
name=cloudintel-$environment
"${cloud}_settle"

plan
"${cloud}_remember"
build_and_push
migrate
if ! apply || ! smoke; then
    roll_back
fi
if [[ $dry_run ]]; then
    say "if the smoke test failed: roll back"
    "${cloud}_back"
    say "dry run: nothing was changed"
else
    say "deployed $image"
fi
