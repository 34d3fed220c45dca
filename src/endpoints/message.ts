import type { Message, Picture } from './kinds/kind.ts';
import { fill, type templateNames, type View } from './template.ts';

/** A message as it is stored or made: what a webhook is sent. */
interface Body {
  readonly type: string;
  readonly timestamp: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type has its own.
  readonly data: any;
}

/** The templates of an endpoint; null: the usual words. */
export interface Templates {
  readonly title_template: string | null;
  readonly text_template: string | null;
}

/** Reads the body of a message. */
export const readBody = (body: string): Body => JSON.parse(body);

/** Whether a message is about one alert. */
export const isAboutAlert = ({ type, data }: Body): boolean =>
  type.startsWith('alert.') && typeof data?.alert_id === 'string';

/**
 * A message for any kind of endpoint.
 *
 * @param body JSON. @param extras what goes with it.
 */
export const messageOf = (
  id: string,
  body: string,
  templates: Templates,
  extras: { readonly link: string | undefined; readonly picture: Picture | undefined },
): Message => {
  const read = readBody(body);
  const { type, data } = read;
  const isAlert = isAboutAlert(read) && data.person !== undefined;
  const words = isAlert ? alertWords(type) : otherWords(read);
  const view: View = isAlert ? alertView(read, extras.link) : words.view;
  return {
    id,
    body,
    type,
    severity:
      data?.severity ?? (type === 'test' || type === 'record.head' || data?.until ? 'info' : 'warning'),
    about: data?.alert_id ?? data?.alarm_id ?? id,
    action: data?.action ?? (data?.until ? 'resolve' : 'trigger'),
    ...extras,
    write: (escaping = (text) => text) => ({
      title: fill(isAlert ? templates.title_template : null, words.title, view, escaping),
      text: fill(isAlert ? templates.text_template : null, words.text, view, escaping),
    }),
  };
};

interface Words {
  readonly title: string;
  readonly text: string;
  readonly view: View;
}

const alertWords = (type: string): Words => ({
  title: `${{ 'alert.escalated': 'Not acknowledged: ', 'alert.retroactive': 'Found in the past: ' }[type] ?? ''}{{person}} ({{watchlist}})`,
  text: 'Seen{{#place}} at {{place}}{{/place}}, {{time}}. Similarity {{similarity}}, severity {{severity}}.',
  view: {},
});

/** 2026-11-29 14:31 UTC. */
const timeOf = (time: unknown): string => `${String(time).slice(0, 16).replace('T', ' ')} UTC`;

const alertView = (
  { type, data }: Body,
  link: string | undefined,
): Record<(typeof templateNames)[number], string | undefined> => ({
  type,
  alert_id: data.alert_id,
  person: data.person?.name,
  external_ref: data.person?.external_ref ?? '',
  watchlist: data.watchlist,
  severity: data.severity,
  similarity: Number(data.similarity).toFixed(2),
  camera: data.camera ?? '',
  location: data.location ?? '',
  zone: data.zone ?? '',
  place: [data.camera, data.location].filter(Boolean).join(', '),
  first_seen: timeOf(data.first_seen),
  time: timeOf(data.last_seen),
  sightings: String(data.sightings),
  link,
});

const otherWords = ({ type, data }: Body): Words => {
  if (type === 'test') {
    return {
      title: 'Test of {{endpoint}}',
      text: 'Watchpost reaches this endpoint. Sent by {{sent_by}}.',
      view: { endpoint: data.endpoint, sent_by: data.sent_by },
    };
  }
  if (type === 'record.head')
    return {
      title: 'Seal {{number}}',
      text: '{{line}}',
      view: { number: String(data.number), line: data.line },
    };
  if (type === 'alerts.held') {
    return {
      title: '{{count}} alerts of {{watchlist}} were held back',
      text: 'Because of {{because}}, from {{from}} to {{until}}: {{people}}.',
      view: {
        ...data,
        count: String(data.count),
        because: data.because === 'quiet' ? 'quiet hours' : 'the rate',
        from: timeOf(data.from),
        until: timeOf(data.until),
        people: data.people.join(', ') + (data.more > 0 ? ` and ${data.more} more` : ''),
      },
    };
  }
  if (type === 'unknown.seen' || type === 'stranger.returned') {
    return {
      title: '{{rule}}: {{who}}',
      text: 'Seen{{#place}} at {{place}}{{/place}}, {{time}}. Severity {{severity}}.',
      view: {
        rule: data.rule,
        who: type === 'unknown.seen' ? 'somebody unknown' : `a stranger, on visit ${data.visits}`,
        severity: data.severity,
        place: [data.camera, data.location].filter(Boolean).join(', '),
        time: timeOf(data.seen_at),
      },
    };
  }
  // An alarm of the machines.
  const facts = Object.entries(data ?? {})
    .filter(([name, value]) => !name.endsWith('_id') && value !== null && typeof value !== 'object')
    .map(([name, value]) => `${name}: ${value}`);
  return { title: '{{type}}', text: '{{facts}}', view: { type, facts: facts.join('\n') } };
};
