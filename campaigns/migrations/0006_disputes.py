"""Tickets of members. PostgreSQL refuses to edit or delete what was written or found, but for emptying a text once."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


_EVIDENCE, _MESSAGE = "campaigns_disputeevidence", "campaigns_disputemessage"
_KEPT = "id, dispute_id, form_number, act, resolution, masked_codes, staff_id, written_at"


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in (_EVIDENCE, _MESSAGE):
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tokuten_refuse_change()"
        )
    for name, table, changes in (
        ("append_only", _EVIDENCE, "UPDATE OR DELETE"),
        ("no_delete", _MESSAGE, "DELETE"),
    ):
        schema_editor.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {changes} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION tokuten_refuse_change()"
        )
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _KEPT.split(", "))
    schema_editor.execute(
        f"CREATE TRIGGER {_MESSAGE}_append_only BEFORE UPDATE ON {_MESSAGE} FOR EACH ROW"
        f" WHEN ({changed} OR OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL OR NEW.text <> '')"
        " EXECUTE FUNCTION tokuten_refuse_change()"
    )


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, names in (
        (_EVIDENCE, ("no_truncate", "append_only")),
        (_MESSAGE, ("no_truncate", "no_delete", "append_only")),
    ):
        for name in names:
            schema_editor.execute(f"DROP TRIGGER {table}_{name} ON {table}")


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0005_conditions'),
        ('giftcodes', '0003_guessing'),
        ('ledger', '0002_append_only'),
        ('parties', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(editable=False, max_length=10, unique=True, verbose_name='ticket number')),
                ('form_number', models.UUIDField(editable=False, unique=True, verbose_name='number of the form')),
                ('kind', models.CharField(choices=[('not_used', "the code can't be used, but the member did not use it"), ('points', 'points are missing or wrong'), ('other', 'something else')], max_length=10, verbose_name='kind')),
                ('language', models.CharField(max_length=2, verbose_name='language')),
                ('stated_reference', models.CharField(blank=True, max_length=8, verbose_name='reference number, as stated')),
                ('stated_serial', models.BigIntegerField(null=True, verbose_name='serial number, as stated')),
                ('opened_at', models.DateTimeField(verbose_name='asked at')),
                ('state', models.CharField(choices=[('open', 'waits for support'), ('answered', 'waits for the member'), ('resolved', 'resolved')], default='open', max_length=10, verbose_name='state')),
                ('waiting_since', models.DateTimeField(null=True, verbose_name='waiting since')),
                ('answered_at', models.DateTimeField(null=True, verbose_name='answered at')),
                ('resolution', models.CharField(blank=True, choices=[('for_member', "in the member's favour"), ('not_for_member', "not in the member's favour"), ('withdrawn', 'withdrawn by the member')], max_length=15, verbose_name='resolution')),
                ('resolved_at', models.DateTimeField(null=True, verbose_name='resolved at')),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='answered by')),
                ('brand', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='parties.brand', verbose_name='brand')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='parties.member', verbose_name='member')),
                ('resolved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='resolved by')),
            ],
            options={
                'verbose_name': 'dispute',
                'verbose_name_plural': 'disputes',
            },
        ),
        migrations.CreateModel(
            name='DisputeMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form_number', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='number of the form')),
                ('act', models.CharField(choices=[('ask', 'asked'), ('add', 'added'), ('withdraw', 'withdrawn'), ('answer', 'answered'), ('resolve', 'resolved')], max_length=10, verbose_name='what')),
                ('resolution', models.CharField(blank=True, choices=[('for_member', "in the member's favour"), ('not_for_member', "not in the member's favour"), ('withdrawn', 'withdrawn by the member')], max_length=15, verbose_name='resolution')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('masked_codes', models.PositiveSmallIntegerField(default=0, verbose_name='masked codes')),
                ('written_at', models.DateTimeField(verbose_name='written at')),
                ('erased_at', models.DateTimeField(null=True, verbose_name='erased at')),
                ('dispute', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='campaigns.dispute', verbose_name='dispute')),
                ('staff', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
            },
        ),
        migrations.CreateModel(
            name='DisputeNotice',
            fields=[
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='notice', serialize=False, to='campaigns.disputemessage', verbose_name='message')),
                ('state', models.CharField(choices=[('waiting', 'to be sent'), ('sending', 'being sent'), ('told', 'sent'), ('given_up', 'given up')], default='waiting', max_length=10, verbose_name='state')),
                ('due_at', models.DateTimeField(verbose_name='due at')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('failure', models.CharField(blank=True, choices=[('no_address', 'the member has no address any more'), ('server', 'the mail server could not be reached'), ('unknown', 'it broke off, and may have been sent or not')], max_length=10, verbose_name='why')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='sent or given up at')),
            ],
            options={
                'verbose_name': 'notice',
                'verbose_name_plural': 'notices',
            },
        ),
        migrations.CreateModel(
            name='DisputeEvidence',
            fields=[
                ('dispute', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='evidence', serialize=False, to='campaigns.dispute', verbose_name='dispute')),
                ('collected_at', models.DateTimeField(verbose_name='collected at')),
                ('wallet', models.CharField(max_length=9, verbose_name='wallet (masked)')),
                ('strikes', models.PositiveSmallIntegerField(verbose_name='strikes in 24 hours')),
                ('lock_reference', models.CharField(blank=True, max_length=8, verbose_name='lock')),
                ('locked_until', models.DateTimeField(null=True, verbose_name='locked until')),
                ('reference', models.CharField(blank=True, max_length=8, verbose_name='refused try')),
                ('tried_at', models.DateTimeField(null=True, verbose_name='tried at')),
                ('outcome', models.CharField(blank=True, choices=[('unknown', 'no such code'), ('not_usable', 'a real code, not usable now')], max_length=10, verbose_name='outcome')),
                ('network', models.CharField(blank=True, max_length=50, verbose_name='network')),
                ('serial_number', models.BigIntegerField(null=True, verbose_name='serial number')),
                ('serial_source', models.CharField(blank=True, choices=[('try', 'the refused try'), ('stated', "the member's statement alone")], max_length=6, verbose_name='serial number from')),
                ('serial_state', models.CharField(blank=True, choices=[('claimed', 'claimed'), ('void', 'withdrawn'), ('expired', 'expired'), ('not_active', 'not active yet'), ('unclaimed', 'unclaimed')], max_length=10, verbose_name='state of the code')),
                ('channel_name', models.CharField(blank=True, max_length=40, verbose_name='channel')),
                ('voided_at', models.DateTimeField(null=True, verbose_name='withdrawn at')),
                ('claimed_at', models.DateTimeField(null=True, verbose_name='claimed at')),
                ('claimer', models.CharField(blank=True, max_length=9, verbose_name='claimed by (masked wallet)')),
                ('is_own_claim', models.BooleanField(null=True, verbose_name='claimed by the same member')),
                ('batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='giftcodes.batch', verbose_name='batch')),
            ],
            options={
                'verbose_name': 'evidence',
                'verbose_name_plural': 'evidence',
            },
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(fields=['member', 'opened_at'], name='campaigns_dispute_of_member'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['waiting_since'], name='campaigns_dispute_waiting'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['not_used', 'points', 'other'])), name='campaigns_dispute_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('language__in', ['ja', 'en'])), name='campaigns_dispute_language_known'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'open'), ('waiting_since__isnull', False)), models.Q(('state__in', ['answered', 'resolved']), ('waiting_since', None)), _connector='OR'), name='campaigns_dispute_open_waits'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'answered'), _negated=True), models.Q(('answered_at__isnull', False), ('answered_by__isnull', False)), _connector='OR'), name='campaigns_dispute_answered_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('state', 'resolved'), _negated=True), ('resolution', ''), ('resolved_at', None), ('resolved_by', None)), models.Q(('resolution__in', ['for_member', 'not_for_member']), ('state', 'resolved'), ('resolved_at__isnull', False), ('resolved_by__isnull', False)), models.Q(('resolution', 'withdrawn'), ('resolved_at__isnull', False), ('resolved_by', None), ('state', 'resolved')), _connector='OR'), name='campaigns_dispute_resolved_by_somebody'),
        ),
        migrations.AddIndex(
            model_name='disputenotice',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'sending'])), fields=['due_at'], name='campaigns_notice_due'),
        ),
        migrations.AddConstraint(
            model_name='disputenotice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('failure', ''), ('state__in', ['waiting', 'sending'])), models.Q(('ended_at__isnull', False), ('failure', ''), ('state', 'told')), models.Q(('ended_at__isnull', False), ('failure__in', ['no_address', 'server', 'unknown']), ('state', 'given_up')), _connector='OR'), name='campaigns_disputenotice_ends_once'),
        ),
        migrations.AddConstraint(
            model_name='disputemessage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('act__in', ['ask', 'add', 'withdraw']), ('staff', None)), models.Q(('act__in', ['answer', 'resolve']), ('staff__isnull', False)), _connector='OR'), name='campaigns_disputemessage_by_its_side'),
        ),
        migrations.AddConstraint(
            model_name='disputemessage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('act', 'withdraw'), ('text', '')), models.Q(models.Q(('act', 'withdraw'), _negated=True), models.Q(('text', ''), _negated=True), ('erased_at', None)), models.Q(models.Q(('act', 'withdraw'), _negated=True), ('erased_at__isnull', False), ('text', '')), _connector='OR'), name='campaigns_disputemessage_has_text'),
        ),
        migrations.AddConstraint(
            model_name='disputemessage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('act', 'resolve'), ('resolution__in', ['for_member', 'not_for_member'])), models.Q(models.Q(('act', 'resolve'), _negated=True), ('resolution', '')), _connector='OR'), name='campaigns_disputemessage_resolution'),
        ),
        migrations.AddIndex(
            model_name='disputeevidence',
            index=models.Index(fields=['serial_number'], name='campaigns_evidence_serial'),
        ),
        migrations.AddConstraint(
            model_name='disputeevidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('network', ''), ('outcome', ''), ('reference', ''), ('tried_at', None)), models.Q(models.Q(('reference', ''), _negated=True), ('outcome__in', ['unknown', 'not_usable']), ('tried_at__isnull', False)), _connector='OR'), name='campaigns_disputeevidence_try'),
        ),
        migrations.AddConstraint(
            model_name='disputeevidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('batch', None), ('serial_number', None), ('serial_source', ''), ('serial_state', ''), ('channel_name', ''), ('voided_at', None)), models.Q(('serial_number__isnull', False), ('serial_source__in', ['try', 'stated']), ('batch__isnull', False), ('serial_state__in', ['claimed', 'void', 'expired', 'not_active', 'unclaimed'])), _connector='OR'), name='campaigns_disputeevidence_serial'),
        ),
        migrations.AddConstraint(
            model_name='disputeevidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claimed_at__isnull', False), ('is_own_claim__isnull', False), ('serial_state', 'claimed'), models.Q(('claimer', ''), _negated=True)), models.Q(models.Q(('serial_state', 'claimed'), _negated=True), ('claimed_at', None), ('claimer', ''), ('is_own_claim', None)), _connector='OR'), name='campaigns_disputeevidence_claim'),
        ),
        migrations.AddConstraint(
            model_name='disputeevidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lock_reference', ''), ('locked_until', None)), models.Q(models.Q(('lock_reference', ''), _negated=True), ('locked_until__isnull', False)), _connector='OR'), name='campaigns_disputeevidence_lock'),
        ),
        migrations.RunPython(guard, unguard),
    ]
