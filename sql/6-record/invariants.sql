-- What must hold at every moment. The view is empty when it does; "watchpost doctor" prints it.

create or replace view watchpost.invariant as
select i.rule, i.subject, i.finding, i.remedy from watchpost.pipeline_invariant as i
union all
select i.rule, i.subject, i.finding, i.remedy from watchpost.queue_invariant as i
union all
select i.rule, i.subject, i.finding, i.remedy from watchpost.match_invariant as i
union all
select i.rule, i.subject, i.finding, i.remedy from watchpost.person_invariant as i;

comment on view   watchpost.invariant         is 'What is wrong with the data, and what to do about it; empty when nothing is.';
comment on column watchpost.invariant.rule    is 'A stable name of what must hold.';
comment on column watchpost.invariant.subject is 'The row that violates it.';
