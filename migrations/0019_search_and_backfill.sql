-- A search is told its lists.

-- Their parameters or results are others; sql/ makes them anew.
drop function if exists watchpost.nearest_people(halfvec, text, text, integer);
drop function if exists watchpost.nearest_by_index(halfvec, text, integer, integer);
