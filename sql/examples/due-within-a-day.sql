-- What is deleted within a day, what is to be reviewed, and what is held for which reason?
select d.relation, d.action, d.held_by, count(*) as rows, min(d.due_at) as first_due, min(d.purpose) as purpose
from watchpost.due as d
where d.due_at < now() + interval '1 day'
group by d.relation, d.action, d.held_by
order by d.relation, d.action, d.held_by;
