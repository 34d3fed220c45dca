-- How are estimates of age and gender forgotten that are older than 30 days, and the faces kept? The oldest 10,000 at a
-- time, so that no transaction is long: run it until it forgets none.
with parameters as (
  select interval '30 days' as age, 10000 as most
),
old as materialized (
  select d.id
  from watchpost.demography as d
  where d.created_at < now() - (select p.age from parameters as p)
  order by d.id
  limit (select p.most from parameters as p)
),
forgotten as (
  delete from watchpost.demography as d
  using old as o
  where d.id = o.id
  returning d.id
)
select count(*) as estimates from forgotten;
