"""What beat nudges, and how often: the tables are the queue, and it finds what a lost message forgot."""

from typing import Any

SHIP_SECONDS = 1.0  # what a lost disk may cost: claims made since the last tick
SANDBOX_SECONDS = 60.0  # how long a sandbox may be out of gifts


def beat_schedule(
    *, sweep: float, expiry: float, seal: float, notice: float, webhook: float
) -> dict[str, dict[str, Any]]:
    """For CELERY_BEAT_SCHEDULE; all in seconds. A nudge that waited for the next one is dropped."""
    return {
        "sweep-batches": {"task": "giftcodes.tasks.sweep_batches", "schedule": sweep},
        "sweep-deliveries": {"task": "giftcodes.tasks.sweep_deliveries", "schedule": sweep},
        "expire-points": {
            "task": "ledger.tasks.expire_points",
            "schedule": expiry,
            "options": {"expires": expiry},
        },
        "seal-days": {
            "task": "ledger.tasks.seal_days",
            "schedule": seal,
            "options": {"expires": seal},
        },
        "expire-gifts": {
            "task": "giftcodes.tasks.expire_gifts",
            "schedule": sweep,
            "options": {"expires": sweep},
        },
        "prune-tries": {
            "task": "giftcodes.tasks.prune_tries",
            "schedule": 3600.0,
            "options": {"expires": 600.0},
        },
        "tell-answers": {
            "task": "campaigns.tasks.tell_answers",
            "schedule": sweep,
            "options": {"expires": sweep},
        },
        "remind-approvers": {
            "task": "campaigns.tasks.remind_approvers",
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
        "make-audiences": {
            "task": "campaigns.tasks.make_audiences",
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
        "send-months": {
            "task": "campaigns.tasks.send_months",
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
        "look-for-alerts": {
            "task": "campaigns.tasks.look_for_alerts",
            "schedule": 2 * sweep,
            "options": {"expires": 2 * sweep},
        },
        "mail-alerts": {
            "task": "campaigns.tasks.mail_alerts",
            "schedule": 2 * sweep,
            "options": {"expires": 2 * sweep},
        },
        "prune-dispute-texts": {
            "task": "campaigns.tasks.prune_dispute_texts",
            "schedule": 3600.0,
            "options": {"expires": 600.0},
        },
        "send-mailings": {
            "task": "campaigns.tasks.send_mailings",
            "schedule": sweep,
            "options": {"expires": sweep},
        },
        "delete-old-addresses": {
            "task": "campaigns.tasks.delete_old_addresses",
            "schedule": 3600.0,
            "options": {"expires": 600.0},
        },
        "forget-uninvited": {
            "task": "parties.tasks.forget_uninvited",
            "schedule": 3600.0,
            "options": {"expires": 600.0},
        },
        "stock-sandboxes": {
            "task": "campaigns.tasks.stock_sandboxes",
            "schedule": SANDBOX_SECONDS,
            "options": {"expires": SANDBOX_SECONDS},
        },
        "count-sheets": {
            "task": "campaigns.tasks.count_sheets",
            "schedule": 300.0,
            "options": {"expires": 300.0},
        },
        "drop-ended-sessions": {
            "task": "redemption_site.tasks.drop_ended_sessions",
            "schedule": 3600.0,
            "options": {"expires": 600.0},
        },
        "send-notices": {
            "task": "redemption_site.tasks.send_notices",
            "schedule": notice,
            "options": {"expires": notice},
        },
        "bring-events": {
            "task": "parties.tasks.bring_events",
            "schedule": webhook,
            "options": {"expires": webhook},
        },
        # A message that waited longer has been overtaken by others.
        "ship-claims": {
            "task": "giftcodes.tasks.ship_claims",
            "schedule": SHIP_SECONDS,
            "options": {"expires": 5.0},
        },
    }
