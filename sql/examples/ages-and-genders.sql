-- What ages and genders were estimated in the last day, by camera? Guesses about pictures: good for rough counts, not
-- for a decision about anybody.
select
  k.name as camera,
  width_bucket(d.age, '{0,13,20,35,50,65}'::real[]) as age_group,
  min(round(d.age)) || ' to ' || max(round(d.age)) as ages,
  count(*) as faces,
  round(sum(d.male)::numeric, 1) as men_expected
from watchpost.demography as d
join watchpost.face as f on f.id = d.face_id and f.usable
join watchpost.image as i on i.id = f.image_id
left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
where d.superseded_at is null
  and d.id >= watchpost.uuidv7_at(now() - interval '1 day')
group by k.name, age_group
order by k.name, age_group;
