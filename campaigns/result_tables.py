"""What a campaign has brought as steps, tables and sentences: the same on the page and in its files."""

from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns.audience_models import Dimension
from campaigns.audience_queries import Told
from campaigns.results import Results
from ledger.charts import Chart, line_chart
from ledger.tables import Cell, Figure, Table
from ledger.templatetags.finance import day
from parties.models import Gender
from parties.prefectures import PREFECTURES


class Step(NamedTuple):
    """A step of the funnel: its length in percent of the longest, and what share it is of which other."""

    name: str
    number: int
    length: int
    share: str


class Section(NamedTuple):
    """A table, and what its figures mean."""

    table: Table
    hint: str


def steps_of(found: Results) -> list[Step]:
    """The funnel."""
    out, claimed = found.total("handed_over"), found.total("claimed")
    spent = found.total("spent_codes")
    of_out = _("%(share)s of those handed over") % {"share": share(claimed, out)} if out else ""
    of_claimed = _("%(share)s of those claimed") % {"share": share(spent, claimed)} if claimed else ""
    steps = [
        (_("Codes handed over"), out, ""),
        (_("Page opened"), found.opened, ""),
        (_("Codes tried"), found.total("tried"), ""),
        (_("Codes claimed"), claimed, of_out),
        (_("Codes of which points were spent"), spent, of_claimed),
    ]
    longest = max(1, *(number for _name, number, _share in steps))
    return [Step(name, number, round(number * 100 / longest), words) for name, number, words in steps]


def funnel_hint() -> str:
    """What the steps count."""
    return _(
        "Openings of the page and tries are counted, not people: nobody is followed before they sign in."
        " Every code that is entered on the pages of members counts as tried, each time, also one that was"
        " not claimed: before a sign-in, beyond the limit, outside of its period. Codes that are claimed"
        " through a company’s own system pass no page, so there may be more claims than tries. While somebody"
        " is guessing codes, entries may go uncounted."
    )


def curve_of(found: Results) -> Chart:
    """Claims by day, and their sum."""
    total, sums = 0, []
    for _day, claimed in found.by_day:
        total += claimed
        sums.append(total)
    lines = [(_("Claimed on the day"), [claimed for _day, claimed in found.by_day]), (_("In all"), sums)]
    return line_chart(_("Claims by day"), [day(one) for one, _claimed in found.by_day], lines)


def sections_of(found: Results, told: Told | None, yen_per_point: int) -> list[Section]:
    """Everything but the funnel and the curve."""
    return [
        _channels(found),
        _members(found, yen_per_point),
        *_audience(told),
        Section(_time_table(found), ""),
        Section(_spent_table(found), ""),
    ]


def share(part: int, whole: int) -> Figure:
    """In percent, to one decimal; a dash where there is nothing to have a share of."""
    return Figure(f"{part * 100 / whole:.1f} %" if whole else "–")


def _channels(found: Results) -> Section:
    rows: list[list[Cell]] = [
        [
            one.name,
            one.codes,
            one.handed_over,
            one.tried,
            one.claimed,
            share(one.claimed, one.handed_over),
            one.points,
            one.spent_points,
        ]
        for one in found.channels
    ]
    columns = ("codes", "handed_over", "tried", "claimed")
    total: list[Cell] = [_("Total"), *(found.total(column) for column in columns)]
    total += [share(found.total("claimed"), found.total("handed_over"))]
    total += [found.total("points"), found.total("spent_points")]
    headings = [
        _("Channel"),
        _("Codes"),
        _("Handed over"),
        _("Tried"),
        _("Claimed"),
        _("Claimed of those handed over"),
        _("Points claimed"),
        _("Points spent"),
    ]
    hint = _(
        "How often the page was opened can’t be told by channel: the code of a link or QR code stays in the"
        " person’s browser until they send it, and only the code says which channel it came from."
    )
    return Section(Table(_("Channels"), headings, rows, total if rows else ()), hint)


def _members(found: Results, yen_per_point: int) -> Section:
    claimed, yen = found.total("claimed"), found.total("points") * yen_per_point
    breakage = found.expired_code_points + found.expired_points
    rows: list[list[Cell]] = [
        [_("Members who claimed"), found.members],
        [_("of these, claiming in the program for the first time"), found.new_members],
        [_("Cost of the points that were claimed (yen)"), yen],
        [_("Cost per claim (yen)"), yen // claimed if claimed else None],
        [_("Cost per new member (yen)"), yen // found.new_members if found.new_members else None],
        [_("Codes withdrawn"), found.voided_codes],
        [_("Codes expired"), found.expired_codes],
        [_("Points of expired codes"), found.expired_code_points],
        [_("Points expired in wallets"), found.expired_points],
        [_("Breakage (points)"), breakage],
        [_("Breakage (share)"), share(breakage, found.total("points") + found.expired_code_points)],
    ]
    hint = _(
        "Cost = points claimed × yen per point. Cost per claim = cost ÷ codes claimed. Cost per new member ="
        " cost ÷ members who claimed in the program for the first time. Fractions of a yen are left out."
        " Breakage = points of expired codes + points expired in wallets; its share is that of the points"
        " claimed and the points of expired codes together."
    )
    title = _("Members, cost and breakage")
    return Section(Table(title, [pgettext("column", "Figure"), _("Number")], rows), hint)


def _audience(told: Told | None) -> list[Section]:
    titles = {
        Dimension.AGE: _("Members by age"),
        Dimension.GENDER: _("Members by gender"),
        Dimension.PREFECTURE: _("Members by prefecture"),
    }
    if told is None:
        shown = [Table(_("Members by age, gender and prefecture"), [_("Group"), _("Members (at least)")], [])]
    else:
        shown = [
            Table(
                titles[dimension],
                [str(dimension.label), _("Members (at least)")],
                [[_value(dimension, value), members] for value, members in told.groups.get(dimension, [])],
            )
            for dimension in Dimension
        ]
    sections = [Section(table, "") for table in shown]
    sections[-1] = Section(shown[-1], _audience_hint(told))
    return sections


def _audience_hint(told: Told | None) -> str:
    rules = _(
        "Of members who told it and agreed to statistics. To keep everybody unknown, numbers are rounded down"
        " to whole tens, groups of fewer than 10 are left out, and so is a whole table where a small one"
        " could be reckoned from the rest. Numbers change once a month at most, after 10 more members have"
        " claimed."
    )
    if told is None:
        return rules + " " + _("There are not enough such members yet.")
    month = date_format(told.month, "YEAR_MONTH_FORMAT")
    return rules + " " + _("As of the end of %(month)s.") % {"month": month}


def _value(dimension: Dimension, value: str) -> str:
    if dimension is Dimension.GENDER:
        return str(Gender(value).label)
    if dimension is Dimension.PREFECTURE:
        return str(PREFECTURES[int(value)])
    ages = {"0": _("under 20"), "70": _("70 and older")}
    return ages.get(value) or _("%(first)d to %(last)d") % {"first": int(value), "last": int(value) + 9}


def _time_table(found: Results) -> Table:
    names = [
        _("within an hour"),
        _("within a day"),
        _("within 3 days"),
        _("within 7 days"),
        _("within 30 days"),
        pgettext("time", "later"),
    ]
    rows: list[list[Cell]] = [
        [name, claimed, share(claimed, sum(found.times))]
        for name, claimed in zip(names, found.times, strict=True)
    ]
    title = _("Time until codes were claimed, since they could be")
    return Table(title, [_("Time"), _("Codes"), _("Share")], rows)


def _spent_table(found: Results) -> Table:
    rows: list[list[Cell]] = [[one.brand, one.store or "–", one.points] for one in found.spent]
    total: list[Cell] = [_("Total"), "", sum(one.points for one in found.spent)]
    return Table(
        _("Where the points were spent"), [_("Brand"), _("Store"), _("Points")], rows, total if rows else ()
    )
