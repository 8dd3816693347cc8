"""Which tests run on which database.

Production is PostgreSQL; SQLite is the embedded stack of the demo and of small installations. What the two
can answer differently is asked of both: services, ledger, audit, commands, races, faults and journeys, with
whatever holds SQL of its own. A *door* (a page, the admin, the API, a form) parses, calls one service that
was tested on both, and answers: the modules in DOORS run once, on SQLite, which takes them in less than half
the time. So does what touches no database. A deep run (`make test-deep`) opens doors on both.

For each kind of door some tests go on to ask both (`pytest.mark.both`): every page of members, of the admin
and of the API is opened on PostgreSQL too, on rows that are there; and so is bad input that reaches the
database, as PostgreSQL refuses by itself what SQLite takes (a NUL, a number of thirty digits). The marks
`postgresql` and `sqlite` are for what only one of them has.
"""

STACKS = ("sqlite", "postgresql")
MARKS = {
    "postgresql": "what only PostgreSQL can hold or show; not collected on SQLite",
    "sqlite": "what belongs to the embedded stack, or is the same on both; not collected on PostgreSQL",
    "both": "on both databases, though its module is one of the doors",
}
# Modules, and folders of them, below tests/.
DOORS = {
    "api/test_claims.py",
    "api/test_client.py",
    "api/test_every_door.py",
    "api/test_gifts.py",
    "api/test_holds.py",
    "api/test_keys.py",
    "api/test_members.py",
    "api/test_points.py",
    "browser",
    "campaigns/test_admin.py",
    "campaigns/mailings/test_pages.py",
    "campaigns/test_alert_pages.py",
    "campaigns/test_api_orders.py",
    "campaigns/test_check_page.py",
    "campaigns/test_conditions_admin.py",
    "campaigns/test_dispute_admin.py",
    "campaigns/test_files_page.py",
    "campaigns/test_every_admin_address.py",
    "campaigns/test_forms.py",
    "campaigns/test_four_eyes.py",
    "campaigns/test_heroes.py",
    "campaigns/test_known_by.py",
    "campaigns/test_legal_forms.py",
    "campaigns/test_legal_pages.py",
    "campaigns/test_list_queries.py",
    "campaigns/test_operator_addresses.py",
    "campaigns/test_order_form.py",
    "campaigns/test_posters.py",
    "campaigns/test_scopes.py",
    "campaigns/test_wording.py",
    "campaigns/test_words_of_admin.py",
    "config/test_content_policy.py",
    "config/test_headers.py",
    "config/test_staff_sign_in.py",
    "giftcodes/test_guard_admin.py",
    "ledger/test_finance_acts.py",
    "ledger/test_finance_admin.py",
    "parties/test_api_admin.py",
    "parties/test_brand_sites.py",
    "parties/test_invitation_pages.py",
    "parties/test_webhook_admin.py",
    "redemption_site/test_account.py",
    "redemption_site/test_brand_pages.py",
    "redemption_site/test_card.py",
    "redemption_site/test_cards.py",
    "redemption_site/test_conditions.py",
    "redemption_site/test_connections.py",
    "redemption_site/test_disputes.py",
    "redemption_site/test_limits.py",
    "redemption_site/test_number_seams.py",
    "redemption_site/test_numbers.py",
    "redemption_site/test_pages.py",
    "redemption_site/test_passkeys.py",
    "redemption_site/test_preview.py",
    "redemption_site/test_provider_answers.py",
    "redemption_site/test_providers.py",
    "redemption_site/test_sign_in.py",
    "redemption_site/test_single_sign_on.py",
    "redemption_site/test_sso_provider.py",
    "redemption_site/test_typos.py",
    "redemption_site/test_waiting.py",
    "redemption_site/test_without_address.py",
}


def is_door(module: str) -> bool:
    """`module` is a path below tests/, with "/"."""
    folder, _, _ = module.partition("/")
    return module in DOORS or folder in DOORS


def stacks_of(module: str, marks: set[str], *, touches_database: bool, is_deep: bool = False) -> set[str]:
    """Where a test of that module with these marks runs: on one database or both, never on none. A deep run
    opens doors on both.

    "both" is stronger than its module's "sqlite". ValueError for marks that contradict each other.
    """
    named = marks & set(MARKS)
    if len(named) > 1 and named != {"both", "sqlite"}:
        raise ValueError(f"{module}: {' and '.join(sorted(named))} contradict each other.")
    if "both" in named:
        return set(STACKS)
    if named:
        return named
    is_asked_once = not touches_database or (is_door(module) and not is_deep)
    return {"sqlite"} if is_asked_once else set(STACKS)
