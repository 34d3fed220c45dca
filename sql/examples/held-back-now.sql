-- What is held back by quiet hours or a rate now, and who is told when nobody acknowledges? docs/alerts-out.md.
select
  w.name as list,
  watchpost.is_quiet(w.id, now()) as quiet,
  watchpost.paging_of(w.id) -> 'steps' as steps,
  e.name as endpoint,
  count(h.id) as held,
  min(h.held_at) as since
from watchpost.paging as p
join watchpost.watchlist as w on w.id = p.watchlist_id
left join watchpost.paging_held as h on h.watchlist_id = w.id and h.released_at is null
left join watchpost.endpoint as e on e.id = h.endpoint_id
group by w.id, w.name, e.name
order by w.name, e.name;
