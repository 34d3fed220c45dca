update watchpost.subscription set delivery = 'claim' where task <> 'deliver';
insert into watchpost.upkeep_task (task, every) values ('events', '1 minute');
