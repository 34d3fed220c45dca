-- How are the faces that match nobody grouped into strangers who come again? It is off until this is called, and
-- disable_unknowns() puts an end to it. Whoever has changed it is told by the events unknowns.changed.
select watchpost.enable_unknowns(retention => interval '30 days');

select u.enabled, u.similarity, u.min_faces, u.visit_gap, u.retention
from watchpost.unknowns_setting as u;
