-- How are the faces that match nobody grouped into strangers who come again? It is off until this is called;
-- disable_strangers() switches it off. The events strangers.changed record who changed it.
select watchpost.enable_strangers(retention => interval '30 days');

select u.enabled, u.similarity, u.min_faces, u.visit_gap, watchpost.stranger_age() as retention
from watchpost.stranger_setting as u;
