"""Settings of Django REST framework and of the OpenAPI document."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.auth.BearerKey"],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.auth.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["config.api.limits.ClientThrottle"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsing.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.rendering.JsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.document.PartnerSchema",
    "EXCEPTION_HANDLER": "config.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "DATETIME_FORMAT": None,  # the renderer writes moments
    "COERCE_DECIMAL_TO_STRING": True,
    "STRICT_JSON": True,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Tokuten partner API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "ENUM_NAME_OVERRIDES": {
        "GiftStatus": "giftcodes.gift_models.GiftState.values",
        "HoldState": "ledger.models.HoldState.values",
        "TransactionKind": "ledger.models.Reason.values",
        "EventType": "parties.event_models.EventType.values",
        "Scope": "parties.api_models.Scope.values",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # it would say each value twice
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.document.complete",
    ],
}
