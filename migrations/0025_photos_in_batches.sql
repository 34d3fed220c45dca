-- Four photos a job while many wait: asking for jobs, completing them and writing what was found happens once for the
-- four. Photos that come one by one are still a job each, as the relay packs what is there.
update watchpost.subscription set batch_size = 4 where topic = 'image.received' and task = 'detect' and batch_size = 1;
