-- What readers saw change with each release, by relation; a relation that a release made first is not listed.
select
    release_id,
    relation,
    in_words
from {audit}.release_changes
where in_words <> 'new'
order by release_id desc, relation asc
