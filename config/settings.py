"""All settings, from the environment. TOKUTEN_ENV is production (the default, so that nothing is lax by
omission), demo (embedded: SQLite, no servers, secrets made in var/) or test.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.api.framework import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401  # settings
from config.logs import logging_settings
from config.look import UNFOLD  # noqa: F401  # a setting
from config.notice_days import check_notices
from config.schedule import beat_schedule
from config.secrets import (
    check_secret_key,
    keep_demo_secrets,
    make_secrets,
    read_master_keys,
    read_number_keys,
    read_seal_keys,
    read_signing_keys,
)
from config.sign_in import passkey_place, read_providers, read_second_factor
from config.webhooks import read_test_hosts

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

TOKUTEN_ENV = env.str("TOKUTEN_ENV", default="production")
if TOKUTEN_ENV not in ("production", "demo", "test"):
    raise ImproperlyConfigured("TOKUTEN_ENV must be production, demo or test.")
IS_PRODUCTION = TOKUTEN_ENV == "production"


def _required(name: str, example: str) -> str:
    """The environment variable; in production a start without it ends with a sentence that says what to
    set.
    """
    value = str(env.str(name, default=""))
    if IS_PRODUCTION and not value:
        raise ImproperlyConfigured(
            f"{name} is not set: set it in the environment, for example {name}={example}"
        )
    return value


# --- Secrets --------------------------------------------------------------------------------------
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
_made: dict[str, str] = {}
if TOKUTEN_ENV == "demo":
    _made = keep_demo_secrets(VAR_DIR)
elif TOKUTEN_ENV == "test":
    _made = make_secrets(given=os.environ)
SECRET_KEY = check_secret_key(env.str("SECRET_KEY", default=_made.get("SECRET_KEY", "")))
CODE_MASTER_KEYS = read_master_keys(env.str("CODE_MASTER_KEYS", default=_made.get("CODE_MASTER_KEYS", "")))
LEDGER_SEAL_KEYS = read_seal_keys(env.str("LEDGER_SEAL_KEYS", default=_made.get("LEDGER_SEAL_KEYS", "")))
MEMBERSHIP_NUMBER_KEYS = read_number_keys(
    env.str("MEMBERSHIP_NUMBER_KEYS", default=_made.get("MEMBERSHIP_NUMBER_KEYS", ""))
)

# Identities are signed with the first one; the others are published as well, so that keys can be changed
# without a gap. None: no single sign-on.
_signing_keys = read_signing_keys(
    env.str("IDP_OIDC_PRIVATE_KEY", default=_made.get("IDP_OIDC_PRIVATE_KEY", ""))
)

# --- Where it runs --------------------------------------------------------------------------------
DEBUG = False
SITE_URL = _required("SITE_URL", "https://points.example.com").rstrip("/") or "http://127.0.0.1:8000"
if IS_PRODUCTION and not SITE_URL.startswith("https://"):
    raise ImproperlyConfigured("SITE_URL must begin with https:// in production: codes are worth money.")
ALLOWED_HOSTS = [host for host in _required("ALLOWED_HOSTS", "points.example.com").split(",") if host] or [
    "127.0.0.1",
    "localhost",
    "testserver",
]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DELIVERY_DIR = Path(env.str("DELIVERY_DIR", default=str(VAR_DIR / "deliveries")))
# Two folders that must outlive the database: on another disk, better on another machine.
SEALS_DIR = Path(_required("SEALS_DIR", "/srv/tokuten/seals") or str(VAR_DIR / "seals"))
CLAIM_JOURNAL_DIR = Path(_required("CLAIM_JOURNAL_DIR", "/srv/tokuten/journal") or str(VAR_DIR / "journal"))
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")))
MEDIA_URL = "media/"

# --- Apps -----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "redemption_site",
    "campaigns",
    "giftcodes",
    "ledger",
    "parties",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "unfold",
    "unfold.contrib.simple_history",
    "simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.api.middleware.PartnerApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.staff.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.content_policy.ContentPolicyMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database -------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_database: dict[str, Any] = env.db_url_config(
    _required("DATABASE_URL", "postgres://tokuten:password@127.0.0.1:5432/tokuten")
    or f"sqlite:///{VAR_DIR}/tokuten.sqlite3"
)
_database["ATOMIC_REQUESTS"] = False  # transactions open in services only
if _database["ENGINE"] == "django.db.backends.sqlite3":
    if IS_PRODUCTION:
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database in production.")
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        # A transaction takes the write lock when it begins, so that races wait instead of failing late.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # One connection per thread, kept; the statements of the claim path are planned once per connection.
    _database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=None) if IS_PRODUCTION else 0
    _database["CONN_HEALTH_CHECKS"] = True
    _database["ENGINE"] = "config.postgresql"  # checks without asking
    # A connection that went away without a word is noticed in seconds, and nobody waits for a lock for ever:
    # a claim whose batch is just being closed gets the page that asks to try again.
    patience = {
        "connect_timeout": 5,
        "keepalives_idle": 60,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": "-c lock_timeout=5s",
    }
    _database["OPTIONS"] = (
        {"prepare_threshold": 5} | (patience if IS_PRODUCTION else {}) | _database.get("OPTIONS", {})
    )
DATABASES = {"default": _database}

# --- Cache, sessions ------------------------------------------------------------------------------
REDIS_URL = _required("REDIS_URL", "redis://127.0.0.1:6379/1")
CACHES = {
    "default": {"BACKEND": "config.cache.KeptRedisCache", "LOCATION": REDIS_URL}
    if IS_PRODUCTION
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
# What one person may try, claims that succeed included: see giftcodes/README.md for all layers.
CLAIM_TRIES_PER_MINUTE = env.int("CLAIM_TRIES_PER_MINUTE", default=10)
CLAIM_TRIES_PER_HOUR = env.int("CLAIM_TRIES_PER_HOUR", default=60)
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="")  # shown to people who are locked out
SESSION_ENGINE = (
    "django.contrib.sessions.backends.cached_db" if IS_PRODUCTION else "django.contrib.sessions.backends.db"
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SITE_URL.startswith("https://")
SESSION_COOKIE_NAME = "__Host-session" if SESSION_COOKIE_SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if CSRF_COOKIE_SECURE else "csrf"
# A code whose person still has to sign in waits here, sealed (redemption_site/pending.py).
PENDING_COOKIE_NAME = "__Host-pending" if SESSION_COOKIE_SECURE else "pending"
# Somebody who claims without a sign-in: whom the guard counts, and what they received a moment ago
# (redemption_site/strangers.py).
VISITOR_COOKIE_NAME = "__Host-visitor" if SESSION_COOKIE_SECURE else "visitor"
RECEIPT_COOKIE_NAME = "__Host-receipts" if SESSION_COOKIE_SECURE else "receipts"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LANGUAGE_COOKIE_NAME = "__Host-language" if SESSION_COOKIE_SECURE else "language"
MESSAGE_STORAGE = "config.message_cookie.MessageCookie"
LANGUAGE_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SESSION_COOKIE_SECURE else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)
# Nothing to any other host. Under "no-referrer" browsers send "Origin: null" with every form, which is
# refused as forged.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Pages ----------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
if not IS_PRODUCTION:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # empty; WhiteNoise warns if it is missing
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Tokyo"  # how moments are shown; they are stored and compared as instants

# --- Sign-in --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "parties.User"
AUTHENTICATION_BACKENDS = [
    "redemption_site.access.MemberBackend",  # sessions of the site; checks no password
    "django.contrib.auth.backends.ModelBackend",  # staff, by password, at the admin
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
CSRF_FAILURE_VIEW = "redemption_site.views.errors.form_expired"
LOGIN_REDIRECT_URL = "admin:index"  # of the admin's sign-in; members go to their wallet (SignInAdapter)
LOGOUT_REDIRECT_URL = "landing"
ACCOUNT_ADAPTER = "redemption_site.sign_in.SignInAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
# 3 tries x 10 codes an hour against 10^8: see "Accepted risks" in redemption_site/README.md.
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 8, "dashed": True}
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_TIMEOUT = 20 * 60
# Per address and per network; many honest people share the address of their mobile carrier. A code that is
# sent again counts as well.
ACCOUNT_RATE_LIMITS = {
    "request_login_code": "60/m/ip,3/m/key,10/h/key",
    "staff_sign_in": "60/m/ip,10/m/key",  # passwords, by e-mail address and network
    "staff_sign_in_anywhere": "60/m/key",  # by e-mail address alone
    "other_sign_in": "60/m/ip",  # by passkey or through a provider: nothing there can be guessed
}
ACCOUNT_EMAIL_VERIFICATION = "none"  # the code from the mail is the verification, at every sign-in
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSKEY_HOST, PASSKEY_ORIGIN = passkey_place(SITE_URL, is_production=IS_PRODUCTION)
MFA_ADAPTER = "redemption_site.passkeys.PasskeyAdapter"
MFA_SUPPORTED_TYPES = ["webauthn"]  # for members; staff have one-time and recovery codes too (config/staff)
STAFF_SECOND_FACTOR = read_second_factor(env.str("STAFF_SECOND_FACTOR", default=""), where=TOKUTEN_ENV)
# LINE and any OpenID Connect provider. Without them no page offers one.
SIGN_IN_PROVIDERS = read_providers(
    channel_id=env.str("LINE_CHANNEL_ID", default=""),
    channel_secret=env.str("LINE_CHANNEL_SECRET", default=""),
    oidc=env.str("OIDC_PROVIDERS", default=""),
    needs_https=IS_PRODUCTION,
)
SOCIALACCOUNT_ADAPTER = "redemption_site.handshakes.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
# --- Single sign-on for brands' sites -------------------------------------------------------------
IDP_OIDC_ADAPTER = "redemption_site.sso_provider.ProviderAdapter"
IDP_OIDC_PRIVATE_KEYS = [  # the newest signs
    {"pem": pem, "issued_at": datetime.fromtimestamp(len(_signing_keys) - place, UTC)}
    for place, pem in enumerate(_signing_keys)
]
IDP_OIDC_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 600
IDP_OIDC_ID_TOKEN_EXPIRES_IN = 300
IDP_OIDC_AUTHORIZATION_CODE_EXPIRES_IN = 60

# --- Mail -----------------------------------------------------------------------------------------
if TOKUTEN_ENV == "demo":
    EMAIL_BACKEND = (
        "redemption_site.demo_mail.EmailBackend"  # shown on the page; refuses to run anywhere else
    )
else:
    _email_url = _required("EMAIL_URL", "smtp+tls://user:password@mail.example.com:587") or "memorymail://"
    _mail_servers = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
    if IS_PRODUCTION and _email_url.partition("://")[0] not in _mail_servers:
        raise ImproperlyConfigured(
            "EMAIL_URL must name a mail server in production (smtp://, smtp+tls:// or smtp+ssl://): anything"
            " else would leave sign-in codes in a log or a file, or send none."
        )
    vars().update(env.email_url_config(_email_url))
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs must not keep a worker, or a page, for ever
MAIL_BOUNCE_ADDRESS = env.str("MAIL_BOUNCE_ADDRESS", default="")  # reports on mailings: `read_bounces`
DEFAULT_FROM_EMAIL = _required("DEFAULT_FROM_EMAIL", "points@example.com") or "Tokuten <no-reply@localhost>"

# --- Notices before points expire -----------------------------------------------------------------
# How many days before; in production none unless asked for, as a mail has to say who sends it.
NOTICE_DAYS = env.list("NOTICE_DAYS", cast=int, default=[] if IS_PRODUCTION else [30, 7])
NOTICE_SENDER_NAME = env.str("NOTICE_SENDER_NAME", default="" if IS_PRODUCTION else "Tokuten")
NOTICE_SENDER_ADDRESS = env.str("NOTICE_SENDER_ADDRESS", default="" if IS_PRODUCTION else "東京都（デモ）")
check_notices(
    NOTICE_DAYS,
    sender=[NOTICE_SENDER_NAME, NOTICE_SENDER_ADDRESS, SUPPORT_EMAIL or "-" * (not IS_PRODUCTION)],
)
WEBHOOK_TEST_HOSTS = read_test_hosts(env.list("WEBHOOK_TEST_HOSTS", default=[]), is_production=IS_PRODUCTION)
# --- Background work ------------------------------------------------------------------------------
QUEUE_DIR = VAR_DIR / "queue"
CELERY_BROKER_URL = _required("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0") or "filesystem://localhost//"
if CELERY_BROKER_URL.startswith("filesystem"):
    for _folder in (QUEUE_DIR / "messages", QUEUE_DIR / "control"):
        _folder.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT = "config.queue_folder:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "polling_interval": 0.1,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 600,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
    }
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task works for ten seconds, and its longest step, reading a file of 10,000,000 codes back, for five.
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_TIME_LIMIT = 180
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 15
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Beat finds what a lost message forgot; the tables are the queue.
SWEEP_SECONDS = 30.0 if IS_PRODUCTION else 2.0
EXPIRY_SECONDS = 60.0 if IS_PRODUCTION else 5.0
SEAL_SECONDS = 600.0 if IS_PRODUCTION else 15.0
NOTICE_SECONDS = 60.0 if IS_PRODUCTION else 15.0
WEBHOOK_SECONDS = 2.0
CELERY_BEAT_SCHEDULE = beat_schedule(
    sweep=SWEEP_SECONDS,
    expiry=EXPIRY_SECONDS,
    seal=SEAL_SECONDS,
    notice=NOTICE_SECONDS,
    webhook=WEBHOOK_SECONDS,
)
# In memory: intervals this short need no record, and a killed beat leaves no damaged file behind.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"

LOGGING = logging_settings(level=env.str("LOG_LEVEL", default="WARNING" if TOKUTEN_ENV == "demo" else "INFO"))
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
