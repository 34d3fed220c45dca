-- How are alerts sent to a chat of Telegram? The credential is the token of the bot; nothing returns it. docs/alerts-out.md has
-- the other kinds.
-- Variables: chat, token.
select e.endpoint_id
from watchpost.add_endpoint(
  name => 'guards on Telegram',
  url => null,
  kind => 'telegram',
  settings => jsonb_build_object('chat_id', :'chat'),
  credential => convert_to(:'token', 'UTF8'),
  text_template => '{{person}} of {{watchlist}}{{#place}} at {{place}}{{/place}}, {{time}}'
) as e;
