-- These take one more argument, which sql/ gives them.
drop function if exists watchpost.nearest_people(halfvec, text, text, integer, uuid[]);
drop function if exists watchpost.find_nearest(uuid[], integer, integer);
