-- How are estimates of age and gender forgotten that are older than 30 days, and the faces kept?
with parameters as (
  select interval '30 days' as age
),
forgotten as (
  delete from watchpost.demography as d
  using parameters as p
  where d.created_at < now() - p.age
  returning d.id
)
select count(*) as estimates from forgotten;
