-- An import always touches machines and signals, which ring; a change of a site's time zone, a title or a product by itself
-- was noticed by nobody until the next restart.
create trigger plant_changed after insert or update or delete or truncate on site for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on line for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on product for each statement execute function notify_plant_changed();
