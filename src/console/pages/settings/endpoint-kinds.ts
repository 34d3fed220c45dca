/** What the form of an endpoint asks for, by its kind; docs/alerts-out.md says where the service shows it. */
interface KindForm {
  readonly title: string;
  /** Of the address; undefined: there is one only. */
  readonly url?: { readonly placeholder: string; readonly isOptional?: boolean };
  /** Settings, by name. */
  readonly settings: readonly (readonly [name: string, label: string, isRequired: boolean, hint?: string])[];
  /** What the credential is called; undefined: it has none. */
  readonly credential?: { readonly label: string; readonly hint?: string; readonly isOptional?: boolean };
}

export const kindForms: Readonly<Record<string, KindForm>> = {
  webhook: { title: 'Signed webhook', url: { placeholder: 'https://alerts.example/hook' }, settings: [] },
  slack: {
    title: 'Slack',
    url: { placeholder: 'https://hooks.slack.com/services/T…/B…/…', isOptional: true },
    settings: [
      [
        'channel',
        'Channel',
        false,
        "Its id, with a bot's token; without one the address of an incoming webhook.",
      ],
    ],
    credential: { label: "Bot's token", hint: 'Not with an incoming webhook.' },
  },
  discord: {
    title: 'Discord',
    url: { placeholder: 'https://discord.com/api/webhooks/…/…' },
    settings: [],
  },
  telegram: {
    title: 'Telegram',
    settings: [['chat_id', 'Chat', true, 'The id of the chat or group.']],
    credential: { label: "Bot's token" },
  },
  ntfy: {
    title: 'ntfy',
    url: { placeholder: 'https://ntfy.sh/your-topic' },
    settings: [],
    credential: { label: 'Access token', hint: 'If the server asks for one.', isOptional: true },
  },
  email: {
    title: 'Email',
    url: { placeholder: 'smtps://mail.example' },
    settings: [
      ['from', 'From', true],
      ['to', 'To', true, 'Several with commas between them.'],
      ['user', 'User', false],
    ],
    credential: { label: 'Password', isOptional: true },
  },
  pagerduty: { title: 'PagerDuty', settings: [], credential: { label: 'Integration key' } },
  matrix: {
    title: 'Matrix',
    url: { placeholder: 'https://matrix.example' },
    settings: [['room_id', 'Room', true, 'Its id, like !abc:matrix.example.']],
    credential: { label: 'Access token' },
  },
  mqtt: {
    title: 'MQTT and Home Assistant',
    url: { placeholder: 'mqtts://broker.example' },
    settings: [
      ['topic', 'Topic', false, 'Its beginning; watchpost unless given.'],
      ['home_assistant', 'Discovery prefix of Home Assistant', false, 'Usually homeassistant; empty: none.'],
      ['user', 'User', false],
    ],
    credential: { label: 'Password', isOptional: true },
  },
};

/** The title of a kind. */
export const titleOf = (kind: string): string => kindForms[kind]?.title ?? kind;
