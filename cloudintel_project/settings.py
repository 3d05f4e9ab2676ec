"""Settings of CloudIntel, all of them from the environment (.env.example lists each)."""

import socket
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

from cloudintel_project import home
from core import logs

BASE_DIR = home.PROJECT_ROOT
env = environ.Env()
home.read_env_file()

CLOUDINTEL_HOME: Path = home.home()
_services = home.running_services()
# HS256 keys shorter than its hash can be guessed.
_SECRET_BYTES = 32


def _secret(name: str) -> str:
    """Take a secret from the environment, else the one kept in the data folder; refuse short ones."""
    value: str = env.str(name, default="") or home.kept_secret(name.lower())
    if len(value.encode()) < _SECRET_BYTES:
        raise ImproperlyConfigured(
            f"{name} has {len(value.encode())} bytes; set one of at least {_SECRET_BYTES}, "
            "or none to have it generated."
        )
    return value


# --- The web ---------------------------------------------------------------------------------
SECRET_KEY = _secret("CLOUDINTEL_SECRET_KEY")
JWT_SECRET_KEY = _secret("JWT_SECRET_KEY")
DEBUG = False
BIND: str = env.str("BIND", default="127.0.0.1")
PORT: int = env.int("PORT", default=5000)
ALLOWED_HOSTS: list[str] = env.list(
    "CLOUDINTEL_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", BIND, socket.gethostname()]
)
CSRF_FAILURE_VIEW = "core.api.csrf_failure"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CLOUDINTEL_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "cloudintel_project.urls"
WSGI_APPLICATION = "cloudintel_project.wsgi.application"
# Each route is answered with and without its slash by core.middleware, so nothing is redirected.
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# Behind TLS; plain http on the loopback address is the default of `make run`.
_https: bool = env.bool("CLOUDINTEL_HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
# Health checks of a container come over plain http from inside.
SECURE_REDIRECT_EXEMPT = [r"^health/?$", r"^livez/?$", r"^readyz/?$"]
# Browsers ask for resources of other origins under the names of this site only.
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "accounts",
    "alerts",
    "pipelines",
    "collectors",
    "analytics",
    "scaling",
    "dbops",
    "dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "auditlog",
    "axes",
    "corsheaders",
    "django_celery_beat",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "core.request_log.RequestLogMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    # Before whatever may answer by itself: scripts of other origins read refusals, too.
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.RequestLimitsMiddleware",
    "core.middleware.OptionalSlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.PageMiddleware",
    "accounts.audit.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "cloudintel_project.metrics.RequestMetricsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
# Static files are served from where the packages hold them: no collecting step before a start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- The database ----------------------------------------------------------------------------
# Port 1 answers nobody: without DATABASE_URL and before `make run` started the embedded server,
# commands that need no database still work, and the others fail at once.
DATABASE_URL: str = env.str("DATABASE_URL", default="") or _services.get(
    "database", "postgresql://cloudintel@127.0.0.1:1/cloudintel"
)
_database: dict[str, Any] = env.db_url_config(DATABASE_URL)
if _database["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL server: postgresql://user:password@host:5432/name"
    )
# For how long what a worker has claimed is left to it without a sign of life.
LEASE_S: int = env.int("LEASE_S", default=90)
_SHORTEST_LEASE_S = 5
if LEASE_S < _SHORTEST_LEASE_S:
    raise ImproperlyConfigured(f"LEASE_S must be at least {_SHORTEST_LEASE_S} seconds.")

# A process that stalls in the midst of a transaction keeps its locks no longer than its claims: whoever
# repairs the ledger would wait for them, and with it everybody.
_patience = (
    f"-c idle_in_transaction_session_timeout={LEASE_S}s"
    # The same for one whose machine is gone.
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "options": _patience, **_database.get("OPTIONS", {})},
        "TEST": {"NAME": f"test_{_database['NAME']}"},
    }
}
# Around a pooler, which DATABASE_URL may name: migrations, pg_dump, REINDEX and what watches the database.
DATABASE_DIRECT_URL: str = env.str("DATABASE_DIRECT_URL", default="") or DATABASE_URL
_direct: dict[str, Any] = env.db_url_config(DATABASE_DIRECT_URL)
if _direct["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_DIRECT_URL must name the PostgreSQL server behind the pooler of DATABASE_URL: "
        "postgresql://user:password@host:5432/name"
    )
DATABASE_DIRECT = {name: _direct[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
DATABASE_DIRECT_TLS = {
    name: value for name, value in _direct.get("OPTIONS", {}).items() if name.startswith("ssl")
}
# A pooler may give each transaction another session: a cursor of the one before is not there.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_DIRECT_URL != DATABASE_URL
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Accounts --------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = LOGOUT_REDIRECT_URL = "dashboard:login"
LOGIN_REDIRECT_URL = "dashboard:overview"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        # Django's 0.7 takes testpass123 to be too much like test123@example.com.
        "OPTIONS": {"max_similarity": 0.9},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.MaximumLengthValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# A try that is refused does not make the wait longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HANDLER = "accounts.lockout.OneCountHandler"
AXES_USERNAME_CALLABLE = "accounts.lockout.username"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.answer"
# The user's last login is kept; a row, and a session, for each token would pile up for ever.
AXES_DISABLE_ACCESS_LOG = True
# So would one for each failure: accounts.security counts them by the hour. The library's own log of failures
# (AXES_ENABLE_ACCESS_FAILURE_LOG) stays off, as it is by default.
AXES_VERBOSE = False
# Entries of the audit log carry the id of the request that they are about.
AUDITLOG_CID_GETTER = "accounts.audit.request_id"

# Other services that may start pipelines: whose tokens, for whom, and which service accounts.
OIDC_ISSUERS: list[str] = env.list("OIDC_ISSUERS", default=[])
OIDC_AUDIENCE: str = env.str("OIDC_AUDIENCE", default="")
OIDC_CALLERS: list[str] = env.list("OIDC_CALLERS", default=[])
if OIDC_ISSUERS and not (OIDC_AUDIENCE and OIDC_CALLERS):
    raise ImproperlyConfigured("OIDC_ISSUERS needs OIDC_AUDIENCE and OIDC_CALLERS.")

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=24),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SECRET_KEY,
    "CHECK_REVOKE_TOKEN": True,
    "UPDATE_LAST_LOGIN": False,
}

# --- The API ---------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.OwnOriginSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsViewer"],
    "DEFAULT_RENDERER_CLASSES": [
        "core.api.ExactJSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["core.api.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["core.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "core.api.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.security.exception_handler",
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
FILTERS_EMPTY_CHOICE_LABEL = "any"
# Scripts of all origins may use the API, with the tokens that they have. Cookies take no part: browsers
# are not told to send any, and accounts.authentication heeds none that come.
CORS_ALLOW_ALL_ORIGINS = True
CORS_URLS_REGEX = r"^/api(/|$)"
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "x-request-id",
    "x-requested-with",
)
CORS_EXPOSE_HEADERS = (
    "Content-Disposition",
    "Link",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
    "X-Total-Count",
)
SPECTACULAR_SETTINGS = {
    "TITLE": "CloudIntel",
    "DESCRIPTION": (
        "What an AWS estate is, costs and does. Log in through /api/auth/login, then Authorize with the "
        "token. Amounts are exact numbers: read them as decimals. Days are UTC. Paths may end with a "
        "slash or not."
    ),
    "VERSION": "1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": True,
        "displayRequestDuration": True,
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AlertSeverity": "alerts.models.Severity",
        "AlertState": "alerts.models.State",
        "BillingFileState": "collectors.models.FileState",
        "ChannelKind": "alerts.models.Kind",
        "CostSource": "collectors.models.CostSource",
        "DeliveryState": "alerts.models.DeliveryState",
        "MaintenanceTaskStatus": "dbops.serializers.maintenance.STATUSES",
        "HealthWord": "core.health.WORDS",
        "DecisionEnum": "scaling.models.Direction",
        "PoolDecision": "dbops.sizing.Decision",
        "QualityReportKind": "pipelines.models.ReportKind",
        "RunStatus": "pipelines.models.Status",
        "RunTrigger": "pipelines.models.Trigger",
        "SavingKind": "analytics.models.savings.KINDS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.schema.document_errors",
    ],
}

# --- Workers ---------------------------------------------------------------------------------
REDIS_URL: str = env.str("REDIS_URL", default="") or _services.get("redis", "redis://127.0.0.1:1/0")
CELERY_BROKER_URL = REDIS_URL
# What a killed worker held comes back by the ledger, long before its messages would.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "max_retries": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Whoever asks for a run would wait for each try, for a minute where the broker hangs; the repair sends again.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
# Runs and steps are sent to their queue by pipelines.messages.
CELERY_TASK_ROUTES = {f"{app}.tasks.*": {"queue": "critical"} for app in ("pipelines", "scaling")}
CELERY_TASK_ROUTES["alerts.tasks.*"] = {"queue": "actions"}
CELERY_TASK_ROUTES["dbops.tasks.observe"] = {"queue": "watch"}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True

RUN_RETENTION_DAYS: int = env.int("RUN_RETENTION_DAYS", default=90)
if RUN_RETENTION_DAYS < 1:
    raise ImproperlyConfigured("RUN_RETENTION_DAYS must be at least 1.")


# --- The cloud -------------------------------------------------------------------------------
def _dollars(name: str, written: str) -> Decimal:
    try:
        amount = Decimal(written)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        raise ImproperlyConfigured(f"{name} must be a number of dollars, such as 1.00")
    return amount


AWS_DAILY_BUDGET_USD = _dollars("AWS_DAILY_BUDGET_USD", env.str("AWS_DAILY_BUDGET_USD", default="1.00"))
AWS_RATE_LIMITS: str = env.str("AWS_RATE_LIMITS", default="")
METRIC_RETENTION_DAYS: int = env.int("METRIC_RETENTION_DAYS", default=30)
if METRIC_RETENTION_DAYS < 1:
    raise ImproperlyConfigured("METRIC_RETENTION_DAYS must be at least 1.")
COLLECT_EVERY: str = env.str("COLLECT_EVERY", default="")
BILLING_MEMORY_MB: int = env.int("BILLING_MEMORY_MB", default=512)
_LEAST_BILLING_MEMORY_MB = 128
if BILLING_MEMORY_MB < _LEAST_BILLING_MEMORY_MB:
    raise ImproperlyConfigured(f"BILLING_MEMORY_MB must be at least {_LEAST_BILLING_MEMORY_MB}.")
# By which tags costs are kept; without any, by the ten that the first files use most.
BILLING_TAGS: list[str] = env.list("BILLING_TAGS", default=[])
_MOST_BILLING_TAGS = 50
if len(BILLING_TAGS) > _MOST_BILLING_TAGS:
    raise ImproperlyConfigured(f"BILLING_TAGS names at most {_MOST_BILLING_TAGS} keys.")
# `make run` chooses by the credentials it finds, and tells its children in the environment.
CLOUDINTEL_CLOUD: str = env.str("CLOUDINTEL_CLOUD", default="") or _services.get("cloud", "aws")
if CLOUDINTEL_CLOUD not in ("demo", "aws"):
    raise ImproperlyConfigured(f"CLOUDINTEL_CLOUD must be demo or aws, not {CLOUDINTEL_CLOUD!r}.")
# Where billing files are: folders (relative ones are taken from the data folder) or s3://bucket/prefix.
BILLING_EXPORTS: list[str] = env.list(
    "BILLING_EXPORTS", default=["demo-billing"] if CLOUDINTEL_CLOUD == "demo" else []
)
# How many days before its first reading an instance's metrics are read: the demo's cost nothing.
METRIC_HISTORY_DAYS: int = env.int("METRIC_HISTORY_DAYS", default=28 if CLOUDINTEL_CLOUD == "demo" else 0)
if METRIC_HISTORY_DAYS < 0:
    raise ImproperlyConfigured("METRIC_HISTORY_DAYS must be 0 or more.")
CLOUDINTEL_TRACES: str = env.str("CLOUDINTEL_TRACES", default="")
DEMO_CLOUD_URL: str = _services.get("demo", "")

# --- The autoscaler --------------------------------------------------------------------------
SCALING_DAILY_BUDGET_USD = _dollars(
    "SCALING_DAILY_BUDGET_USD", env.str("SCALING_DAILY_BUDGET_USD", default="1.00")
)
SCALING_ACTIONS_PER_HOUR: int = env.int("SCALING_ACTIONS_PER_HOUR", default=10)
if SCALING_ACTIONS_PER_HOUR < 0:
    raise ImproperlyConfigured("SCALING_ACTIONS_PER_HOUR must be 0 or more.")
MOCK_SEED: int = env.int("MOCK_SEED", default=0)

# --- Quality ---------------------------------------------------------------------------------
# Below these scores of its data, 0 to 100, each refuses to work.
SCALING_MIN_QUALITY: float = env.float("SCALING_MIN_QUALITY", default=70.0)
FORECAST_MIN_QUALITY: float = env.float("FORECAST_MIN_QUALITY", default=80.0)
# In which zone the hours of a week lie at which an instance could be stopped.
SAVINGS_TIME_ZONE: str = env.str("SAVINGS_TIME_ZONE", default="UTC")
if SAVINGS_TIME_ZONE not in available_timezones():
    raise ImproperlyConfigured(
        f"SAVINGS_TIME_ZONE must be a zone such as Europe/Berlin, not {SAVINGS_TIME_ZONE!r}."
    )

# --- Forecasts -------------------------------------------------------------------------------
# How many series of costs, and of loads, are forecast a night.
FORECAST_SERIES: int = env.int("FORECAST_SERIES", default=10_000)
if FORECAST_SERIES < 1:
    raise ImproperlyConfigured("FORECAST_SERIES must be at least 1.")

# --- Carbon ----------------------------------------------------------------------------------
# Over how many whole days emissions are estimated.
CARBON_DAYS: int = env.int("CARBON_DAYS", default=30)
if not 1 <= CARBON_DAYS <= 366:  # noqa: PLR2004 - a year
    raise ImproperlyConfigured("CARBON_DAYS must be between 1 and 366.")

# --- The database's automation ------------------------------------------------------------------
# PgBouncer's admin console: postgresql://admin:password@host:6432/pgbouncer. Empty: nothing is resized.
PGBOUNCER_ADMIN_URL: str = env.str("PGBOUNCER_ADMIN_URL", default="")
POOL_MIN_SIZE: int = env.int("POOL_MIN_SIZE", default=5)
POOL_MAX_SIZE: int = env.int("POOL_MAX_SIZE", default=100)
POOL_STEP: int = env.int("POOL_STEP", default=5)
POOL_COOLDOWN_S: int = env.int("POOL_COOLDOWN_S", default=300)
if not 1 <= POOL_MIN_SIZE <= POOL_MAX_SIZE:
    raise ImproperlyConfigured("POOL_MIN_SIZE must be at least 1, and POOL_MAX_SIZE no less than it.")
if POOL_STEP < 1 or POOL_COOLDOWN_S < 0:
    raise ImproperlyConfigured("POOL_STEP must be at least 1, and POOL_COOLDOWN_S 0 or more.")
# Where dumps are kept: a folder, or s3://bucket/prefix. Relative folders are taken from the data folder.
BACKUP_TARGET: str = env.str("BACKUP_TARGET", default="backups")
BACKUP_KEEP: int = env.int("BACKUP_KEEP", default=7)
if BACKUP_KEEP < 1:
    raise ImproperlyConfigured("BACKUP_KEEP must be at least 1.")

# --- Notifications ---------------------------------------------------------------------------
# The server that takes e-mail: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465.
SMTP_URL: str = env.str("SMTP_URL", default="")
ALERTS_FROM: str = env.str("ALERTS_FROM", default="cloudintel@localhost")
# Hosts (host or host:port) that webhooks may reach although they are private, and by plain http.
WEBHOOK_ALLOWED_HOSTS: list[str] = env.list("WEBHOOK_ALLOWED_HOSTS", default=[])
# The key file of the service account that publishes to Google Pub/Sub; on Google's machines none is needed.
GOOGLE_APPLICATION_CREDENTIALS: str = env.str("GOOGLE_APPLICATION_CREDENTIALS", default="")
# host:port of an emulator of Pub/Sub, to try it; WEBHOOK_ALLOWED_HOSTS has to name it.
PUBSUB_EMULATOR_HOST: str = env.str("PUBSUB_EMULATOR_HOST", default="")

# --- Watching --------------------------------------------------------------------------------
# What Prometheus may ask /metrics with, besides the tokens and sessions of users.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN.encode()) < _SECRET_BYTES:
    raise ImproperlyConfigured(
        f"METRICS_TOKEN has {len(METRICS_TOKEN.encode())} bytes; set one of at least {_SECRET_BYTES}, or "
        "none to have /metrics for users alone."
    )
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR"):
    raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL}.")
LOG_FORMAT: str = env.str("LOG_FORMAT", default="console")
if LOG_FORMAT not in logs.FORMATS:
    raise ImproperlyConfigured(f"LOG_FORMAT must be one of {', '.join(logs.FORMATS)}, not {LOG_FORMAT!r}.")
LOGGING = logs.configure(format=LOG_FORMAT, level=LOG_LEVEL)
# A proxy, or the caller, may name a request; what is not a plain name is replaced.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
