-- The same key as one expression, which the planner puts into the statement that asks for it. As a plpgsql function it
-- was planned anew at each change of search_path, and every INSERT changes it twice, on the way into its trigger and out
-- again: of a single-row INSERT of 540 us that was 75. In a statement of many rows 2.4 us a key instead of 2.9.
--
-- Milliseconds and the fraction of one in 1/4096 are a single count, 4,096,000 a second: eleven hex digits (the first is
-- 0 until the year 2527), the version, three digits more. date_part has them exactly, as a double of 53 bits.
create or replace function watchpost.uuidv7() returns uuid
language sql volatile parallel safe
return (
  '0' || overlay(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint) placing '7' from 12 for 0)
  || substr(gen_random_uuid()::text, 20)
)::uuid;
