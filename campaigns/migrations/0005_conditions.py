import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0004_members_known_by_number'),
        ('parties', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConditionsVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='version')),
                ('text_ja', models.TextField(max_length=20000, verbose_name='conditions (Japanese)')),
                ('text_en', models.TextField(blank=True, max_length=20000, verbose_name='conditions (English)')),
                ('sha256_ja', models.CharField(max_length=64)),
                ('sha256_en', models.CharField(blank=True, max_length=64)),
                ('in_force_from', models.DateTimeField(blank=True, null=True, verbose_name='in force from')),
                ('edited_at', models.DateTimeField()),
                ('published_at', models.DateTimeField(null=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditions', to='campaigns.campaign')),
                ('edited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'conditions of participation',
                'verbose_name_plural': 'conditions of participation',
            },
        ),
        migrations.CreateModel(
            name='ConditionsAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('accepted_at', models.DateTimeField()),
                ('language', models.CharField(choices=[('ja', 'Japanese'), ('en', 'English')], max_length=2)),
                ('sha256', models.CharField(max_length=64)),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.member')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acceptances', to='campaigns.conditionsversion')),
            ],
            options={
                'verbose_name': 'acceptance of conditions',
                'verbose_name_plural': 'acceptances of conditions',
            },
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.UniqueConstraint(fields=('campaign', 'number'), name='campaigns_conditions_number_once'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.UniqueConstraint(condition=models.Q(('published_at', None)), fields=('campaign',), name='campaigns_conditions_one_draft'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='campaigns_conditions_number'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(('text_ja', ''), _negated=True), name='campaigns_conditions_has_japanese'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('text_ja'), 20000), django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('text_en'), 20000)), name='campaigns_conditions_length'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(django.db.models.functions.text.Length('sha256_ja'), 64), models.Q(models.Q(('sha256_en', ''), ('text_en', '')), models.Q(models.Q(('text_en', ''), _negated=True), django.db.models.lookups.Exact(django.db.models.functions.text.Length('sha256_en'), 64)), _connector='OR')), name='campaigns_conditions_hashed'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('published_at', None), ('published_by', None)), models.Q(('in_force_from__isnull', False), ('published_at__isnull', False), ('published_by__isnull', False)), _connector='OR'), name='campaigns_conditions_published_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='conditionsversion',
            constraint=models.CheckConstraint(condition=models.Q(('published_at', None), ('in_force_from__gte', models.F('published_at')), _connector='OR'), name='campaigns_conditions_not_backdated'),
        ),
        migrations.AddConstraint(
            model_name='conditionsacceptance',
            constraint=models.UniqueConstraint(fields=('member', 'version'), name='campaigns_acceptance_once'),
        ),
        migrations.AddConstraint(
            model_name='conditionsacceptance',
            constraint=models.CheckConstraint(condition=models.Q(('language__in', ['ja', 'en'])), name='campaigns_acceptance_language'),
        ),
        migrations.AddConstraint(
            model_name='conditionsacceptance',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.Exact(django.db.models.functions.text.Length('sha256'), 64), name='campaigns_acceptance_hashed'),
        ),
    ]
