"""Settings, one flat file: every deployment variable is read here, once, and nowhere else."""

import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.utils.csp import CSP

from config import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("DATA_DIR", BASE_DIR / ".data")
_running = env.running_servers(DATA_DIR)

# --- servers -------------------------------------------------------------------------------------------------
_NOWHERE = "postgresql://127.0.0.1:1/orderly"
DATABASE_URL = env.url("DATABASE_URL", _running.get("DATABASE_URL", _NOWHERE), schemes=("postgresql", "postgres"))
REDIS_URL = env.url("REDIS_URL", _running.get("REDIS_URL", "redis://127.0.0.1:1/0"), schemes=("redis", "rediss"))
BROKER_URL = env.url(
    "BROKER_URL", _running.get("BROKER_URL", "redis://127.0.0.1:1/1"), schemes=("redis", "rediss", "amqp", "amqps")
)

_database = urlsplit(DATABASE_URL)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _database.hostname or "",
        "PORT": str(_database.port or 5432),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "NAME": unquote(_database.path.lstrip("/")),
        # Kept for ever: a lost connection is noticed by its first failing statement (store/db.py), which is cheaper
        # than a health check before every request.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "connect_timeout": 3,
            "application_name": "orderly",
            # lock < statement < idle in transaction < Celery's soft < hard time limit: the innermost limit ends first.
            "options": " ".join(
                f"-c {name}={value}"
                for name, value in {
                    "lock_timeout": "2s",
                    "statement_timeout": "8s",
                    "idle_in_transaction_session_timeout": "10s",
                    "timezone": "UTC",
                    "jit": "off",
                }.items()
            ),
            # The kernel gives a silent server up after this many milliseconds instead of two hours.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "server_side_binding": True,
            # Only statements that ask for it are prepared (store/db.py). The lists are planned for the values that they
            # are asked for: one plan for all values, as PostgreSQL may choose after the fifth time, reads a whole
            # table when nothing has the wanted status.
            "prepare_threshold": 2**31,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- web -----------------------------------------------------------------------------------------------------
SECRET_KEY = env.secret("SECRET_KEY", _running.get("SECRET_KEY", ""))
SECRET_KEY_FALLBACKS = list(env.secrets("SECRET_KEY_FALLBACKS"))  # what was signed or sealed under them is still good
UNFIT_TO_SERVE = ""
if not SECRET_KEY:
    UNFIT_TO_SERVE = "SECRET_KEY: not set; a server needs one of at least 32 random characters, the same for all"
    SECRET_KEY = secrets.token_urlsafe(48)  # for `manage.py` alone, and another one the next time
DEBUG = False
DEMO = env.boolean("DEMO", default=False)
ALLOWED_HOSTS = list(env.names("ALLOWED_HOSTS", ("*",)))
PORT = env.integer("PORT", 8000, minimum=1, maximum=65_535)
PUBLIC_URL = env.url("PUBLIC_URL", "", schemes=("https", "http"))
ROOT_URLCONF = "config.urls"
APPEND_SLASH = False
INSTALLED_APPS = [
    "api.console",  # before the theme, one of whose templates it replaces
    "unfold.apps.BasicAppConfig",  # the admin's theme, before the admin whose templates it replaces
    "django.contrib.admin.apps.SimpleAdminConfig",  # api/console/urls.py says what it shows; nothing is discovered
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_results",
    "config",
    "store",
]
MIDDLEWARE = [
    "api.observing.observe",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",  # sets Content-Length
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "api.logins.LoginRefusals",
]
# What config/rsgi.py has for the API instead.
API_MIDDLEWARE = ["api.observing.observe", "django.middleware.common.CommonMiddleware"]
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
STATICFILES_DIRS = [("landing", BASE_DIR / "api" / "landing" / "static")]
WHITENOISE_USE_FINDERS = True  # files are served from the packages they came with; nothing has to be collected
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTHENTICATION_BACKENDS = ["store.passwords.Passwords"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
        "UserAttributeSimilarityValidator": {"user_attributes": ("username",)},
    }.items()
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.CallerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.authentication.Authenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["api.rates.ClientRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsing.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.JSONNegotiation",
    "DEFAULT_SCHEMA_CLASS": "api.schema.document.OperationSchema",
    "EXCEPTION_HANDLER": "api.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
    "COMPACT_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # a schema is no matter of deployment
    "OAS_VERSION": "3.1.0",
    "TITLE": "Orderly",
    "VERSION": "1.0.0",  # of the contract
    "POSTPROCESSING_HOOKS": ["api.schema.document.completed"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
        "docExpansion": "list",
        "filter": True,
        "persistAuthorization": False,
        "tryItOutEnabled": True,
        "validatorUrl": None,
    },
}
UNFOLD = {
    "SITE_TITLE": "Orderly",
    "SITE_HEADER": "Orderly",
    "SITE_SUBHEADER": "Operators' console",
    "SITE_SYMBOL": "bolt",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}console/icon.svg"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "api.console.navigation.environment",
    "SIDEBAR": {"show_search": True, "navigation": "api.console.navigation.groups"},
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "239 246 255",
            "100": "219 234 254",
            "200": "191 219 254",
            "300": "147 197 253",
            "400": "96 165 250",
            "500": "59 130 246",
            "600": "37 99 235",
            "700": "29 78 216",
            "800": "30 64 175",
            "900": "30 58 138",
            "950": "23 37 84",
        }
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024 + 1
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

# --- transport and browsers (docs/contract.md, "Transport") ---------------------------------------------------
# Whatever is not said to be plain http is taken for https, with TLS ending at a proxy in front. The API does not pass
# through the middleware that redirects: a redirect would come after the key has been sent in the clear.
_IS_HTTPS = not PUBLIC_URL.startswith("http://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _IS_HTTPS else None
SECURE_SSL_REDIRECT = SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$", r"^api/v1/"]  # asked from inside, past the proxy
SECURE_HSTS_SECONDS = 31_536_000 if _IS_HTTPS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
SESSION_COOKIE_AGE = 12 * 3600  # a long shift in the admin
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))] if PUBLIC_URL else []
# Nothing is loaded from, sent to or framed by another site. Scripts in pages and `eval` are the admin theme's way
# (Alpine.js); a page that does without them may override this with `django.views.decorators.csp`.
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.UNSAFE_INLINE, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# --- commands ------------------------------------------------------------------------------------------------
LANES = env.integer("LANES", 64, minimum=1, maximum=1024)
BATCH_MAX = env.integer("BATCH_MAX", 200, minimum=1, maximum=1000)
BACKLOG_LIMIT = env.integer("BACKLOG_LIMIT", 100_000, minimum=1, maximum=100_000_000)
RATE_LIMIT_PER_MINUTE = env.integer("RATE_LIMIT_PER_MINUTE", 60_000, minimum=1, maximum=100_000_000)
WEBHOOK_ALLOWED_NETWORKS = env.networks("WEBHOOK_ALLOWED_NETWORKS")

# --- payments ------------------------------------------------------------------------------------------------
PAYMENT_PROVIDER = env.choice("PAYMENT_PROVIDER", "", ("simulator", "stripe"))
PAYMENT_TIMEOUT_SECONDS = env.integer("PAYMENT_TIMEOUT_SECONDS", 10, minimum=1, maximum=60)
STRIPE_API_KEY = env.key(
    "STRIPE_API_KEY", ("sk_", "rk_"), needed_by="PAYMENT_PROVIDER=stripe" if PAYMENT_PROVIDER == "stripe" else ""
)
STRIPE_API_BASE = env.url("STRIPE_API_BASE", "https://api.stripe.com", schemes=("https", "http")).rstrip("/")

# --- Celery (each value with its reason) ---------------------------------------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True  # the task's name and arguments stand beside its result
CELERY_RESULT_EXPIRES = timedelta(days=1)
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    "drain": {"queue": "commands"},
    "deliver": {"queue": "webhooks"},
    "ask": {"queue": "payments"},
    "sweep": {"queue": "sweep"},
    "retain": {"queue": "sweep"},
}
CELERY_TASK_DEFAULT_DELIVERY_MODE = "transient"  # RabbitMQ writes no bell to its disk: the row is what survives
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# A message is only a bell: acknowledged at once, and the sweeper rings again for one that died with its worker.
# Late acknowledgement would redeliver a bell that kills its worker for ever.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a bell waits in the broker, where a free worker can take it
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_TASK_TIME_LIMIT = 30
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = True  # Flower shows drains as they run
CELERY_TASK_TRACK_STARTED = False  # one result row a drain, written once
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False  # a publish that fails fails at once; the sweeper rings instead
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # never give the broker up (the default gives up after 100 tries)
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_POOL_LIMIT = 10
CELERY_BROKER_HEARTBEAT = 10
# What the bell publishes with: a broker that is silent or away costs a fraction of a second, off the request's path.
BELL_TRANSPORT_OPTIONS: dict[str, float] = {
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
if urlsplit(BROKER_URL).scheme.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 60,  # above the hard time limit; the shortest of all apps on a broker wins
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "unacked_restore_interval": 1,  # after a kill, unacknowledged messages return when the timeout says, not later
        "unacked_restore_throttle": 1,
    }
    BELL_TRANSPORT_OPTIONS |= {"socket_connect_timeout": 0.15, "socket_timeout": 0.15}
else:
    BELL_TRANSPORT_OPTIONS |= {"connect_timeout": 0.15, "read_timeout": 0.5, "write_timeout": 0.5}
CELERY_BEAT_SCHEDULE = {
    # `expires` drops the ticks that piled up while no worker ran: one sweep does the work of all.
    "sweep": {"task": "sweep", "schedule": 0.5, "options": {"expires": 5, "ignore_result": True}},
    # A small bite each time: up to 500 results a second, 43 million a day.
    "retain": {"task": "retain", "schedule": 1.0, "options": {"expires": 5, "ignore_result": True}},
    "forget old task results": {"task": "celery.backend_cleanup", "schedule": timedelta(hours=1)},
}

# --- what operators see --------------------------------------------------------------------------------------
PROMETHEUS_MULTIPROC_DIR = env.path("PROMETHEUS_MULTIPROC_DIR", DATA_DIR / "metrics")
OTEL_EXPORTER_OTLP_ENDPOINT = env.url("OTEL_EXPORTER_OTLP_ENDPOINT", "", schemes=("http", "https"))
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logs.configuration(LOG_LEVEL)
