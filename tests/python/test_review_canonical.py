"""Two texts of SQL have one canonical text if, and only if, they say the same."""

import pytest

from scripts.review.canonical import canonical

SAME = [
    ("select a from s.x -- why", "SELECT  A\nFROM s.X"),
    ('select "a" from s.x', "select a from s.x"),
    ("select x as x from t", "select x from t"),
    (
        "with sales as (select * from g.f), t as (select sales.a, sum(sales.b) as b from sales group by sales.a), "
        "final as (select t.a, t.b from t where t.b > 1) select * from final",
        "with q as (select f.a, sum(f.b) as b from g.f as f group by f.a) select z.a, z.b from q as z where z.b > 1",
    ),
    (
        "with a as (select 1 as x), b as (select 2 as y) select a.x, b.y from a cross join b",
        "with b as (select 2 as y), a as (select 1 as x) select a.x, b.y from a cross join b",
    ),
    (
        "select a.x from t a join u b on a.i = b.i where exists (select 1 from v where v.k = a.i)",
        "select o.x from t o join u p on o.i = p.i where exists (select 1 from v as w where w.k = o.i)",
    ),
    (
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n from r",
        "with recursive q as (select 1 as n union all select n + 1 from q where n < 3) select n from q",
    ),
    ("with a as (select 1 as x), b as (select 2) select x from a", "with a as (select 1 as x) select x from a"),
    ("do $$ begin /* why */ null; end $$", "do   $$ begin /* why */ null; end $$"),
]
DIFFERENT = [
    ("select a.x from t a join u b on a.i = b.i", "select a.x from t a left join u b on a.i = b.i"),
    ("select a.x from t a join u b on a.i = b.i", "select b.x from t a join u b on a.i = b.i"),
    ("select a.x from t a, t b", "select b.x from t a, u b"),
    ("select x as y from t", "select x as z from t"),
    ("select x from t where a > 1", "select x from t where a > 2"),
    ("select x from t where a > 1", "select x from t"),
    ("select x, y from t", "select y, x from t"),
    ("select 'A'", "select 'a'"),
    ('select "A" from t', 'select "a" from t'),
    ("select distinct x from t", "select x from t"),
    ("select x from t union select x from u", "select x from t union all select x from u"),
    ("select x from t limit 1", "select x from t limit 2"),
    ("select x from t order by x", "select x from t order by x desc"),
    ("select x::int from t", "select x::bigint from t"),
    (
        "with r as (select x from t where x < 3) select x from r",
        "with r as (select x from t where x < 4) select x from r",
    ),
    (
        "with a as (select 1 as x), b as (select 2 as x) select x from a",
        "with a as (select 1 as x), b as (select 2 as x) select x from b",
    ),
    (
        "with a as materialized (select x from t) select x from a",
        "with a as not materialized (select x from t) select x from a",
    ),
    (
        "select (select max(i.x) from u as i where i.k = o.k) from t as o",
        "select (select max(i.x) from u as i where i.k = i.k) from t as o",
    ),
    ("select r from (select 1 as x) as r", "select q from (select 1 as q) as r"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_means_the_same_is_the_same(one: str, other: str) -> None:
    """A reviewer who is shown comments and aliases as changes stops to look."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_another_thing_is_not(one: str, other: str) -> None:
    """A change that passes for none is merged unseen."""
    assert canonical(one) != canonical(other)
