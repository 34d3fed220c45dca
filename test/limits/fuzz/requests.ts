import { any, type Fields, fieldsOf, json, photoFields, queryOf, type Supplies } from './calls.ts';
import { hostileBody, hostileJson, hostileText } from './hostile.ts';
import type { Random } from './random.ts';

/** A route of the app. */
export interface Route {
  readonly method: string;
  readonly path: string;
}

/** A call to send. */
export interface Call {
  readonly route: Route;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** A call to a route, with some parts replaced by hostile ones most often, unless it is to be valid. */
export const callTo = (route: Route, supplies: Supplies, { valid = false } = {}): Call => {
  const { random } = supplies;
  const evil = (share: number) => random.chance(valid ? 0 : share);
  const key = `${route.method} ${route.path}`;
  const path = pathOf(route, supplies, evil(0.15));
  const query = mutated(queryOf[key]?.(supplies) ?? {}, random, evil(0.3), () => hostileText(random));
  const { body, headers, inQuery } = bodyOf(key, supplies, evil(0.5));
  const search = new URLSearchParams({ ...query, ...inQuery }).toString();
  return {
    route,
    method: evil(0.06) ? random.pick(methods) : route.method,
    path: search && (queryOf[key] || inQuery || evil(0.25)) ? `${path}?${search}` : path,
    headers: { ...headers, ...(valid ? {} : headersOf(random)) },
    body,
  };
};

const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'LOCK',
];

/** The word of the state for a parameter of a path. */
export const wordOf = (path: string, parameter: string): string => {
  const words: Record<string, string> = {
    photo: 'photos',
    person: 'persons',
    task: 'tasks',
    what: 'kinds of what is kept',
    link: 'cannot-links',
  };
  if (path.startsWith('/links/')) return 'links';
  if (path.endsWith('/pause')) return 'tasks to pause';
  if (words[parameter]) return words[parameter];
  if (path.includes('/cameras/:id')) return 'cameras';
  if (path.endsWith('/unmerge')) return 'merged persons';
  if (path === '/v1/stranger-alerts/:id/reopen') return 'reviewed stranger-alerts';
  if (/\/(reopen|undo)$/.test(path)) return 'reviewed alerts';
  if (path.includes(':photo')) return 'persons of photos';
  return path.split('/')[2] ?? '';
};

const pathOf = (route: Route, supplies: Supplies, hostile: boolean): string => {
  const { random } = supplies;
  const inner = /:(photo|link)$/.exec(route.path)?.[1];
  // Most often a photo or link of the person that the path has: by chance one of twenty would be.
  const pair = inner && random.chance(0.7) ? any(supplies, `${inner}s with their persons`).split(' ') : [];
  const paired: Record<string, string | undefined> =
    pair.length === 2 ? { id: pair[0], [inner as string]: pair[1] } : {};
  return route.path.replace(/:(\w+)/g, (_, parameter: string) => {
    if (hostile) return encodeURIComponent(hostileText(random).toWellFormed());
    const found = paired[parameter] ?? any(supplies, wordOf(route.path, parameter));
    return parameter === 'file' && random.chance(0.5) ? `${found}.svg` : found;
  });
};

const headersOf = (random: Random): Record<string, string> => {
  const headers: Record<string, string> = {};
  // Node sends headers as Latin-1 and without control characters.
  const value = () =>
    hostileText(random)
      .replace(/[^\x20-\x7e\xa0-\xff]/g, '?')
      .slice(0, 9000);
  if (random.chance(0.1)) headers['idempotency-key'] = random.chance(0.5) ? 'again' : value();
  if (random.chance(0.1))
    headers.prefer = random.pick(['wait=0', 'wait=-1', 'wait', 'wait=1e9', value().replaceAll('=', '')]);
  if (random.chance(0.1))
    headers['last-event-id'] = random.pick(['1:1:', '9:8:7', '1:2:1,1', '5:9:6,7', value()]);
  if (random.chance(0.03))
    headers.authorization = random.pick(['', 'Bearer ', 'Basic x', `Bearer ${value()}`]);
  if (random.chance(0.1)) headers['access-reason'] = value();
  if (random.chance(0.03)) headers['x-forwarded-host'] = value();
  if (random.chance(0.03))
    headers.host = random.pick(['', 'a b', '[::1', 'x'.repeat(300), 'evil.example:99999', value()]);
  return headers;
};

/** Fields, with one or two changed, left out or added if `change`. */
const mutated = (fields: Fields, random: Random, change: boolean, hostile: () => string): Fields => {
  const entries = Object.entries(fields).filter(() => random.chance(0.7));
  const result = random.chance(0.5) ? Object.fromEntries(entries) : { ...fields };
  if (!change) return random.chance(0.5) ? { ...fields } : result;
  for (let times = random.below(2) + 1; times > 0; times--) {
    const key = random.chance(0.1)
      ? hostileText(random)
      : random.pick([...Object.keys(fields), 'limit', 'name']);
    result[key] = hostile();
  }
  return result;
};

const textOf = (fields: Fields) =>
  `{${Object.entries(fields)
    .map(([key, value]) => `${json(key)}:${value}`)
    .join(',')}}`;

interface Body {
  readonly body: Buffer | undefined;
  readonly headers: Record<string, string>;
  readonly inQuery?: Record<string, string>;
}

const bodyOf = (key: string, supplies: Supplies, change: boolean): Body => {
  const { random } = supplies;
  if (change && random.chance(0.35)) return hostileBody(random);
  const headers = { 'content-type': 'application/json' };
  if (key === 'POST /v1/tasks/:task') {
    const payload = any(supplies, 'payloads');
    const text = payload.startsWith('{') ? payload : json({ image_id: payload });
    return {
      body: Buffer.from(change ? text.replace(/"[^"]*"(?=[,}])/, () => hostileJson(random)) : text),
      headers,
    };
  }
  const make = fieldsOf[key];
  if (!make) return { body: undefined, headers: {} };
  const fields = mutated(make(supplies), random, change, () => hostileJson(random));
  const photos = photoFields[key];
  return photos ? photoBody(photos, fields, supplies) : { body: Buffer.from(textOf(fields)), headers };
};

/** Photos with their fields, in one of the three types of body or beside it. */
const photoBody = (names: readonly string[], fields: Fields, { random, photos }: Supplies): Body => {
  const files = names.map((name) => [name, random.pick(photos)] as const);
  const base64 = Object.fromEntries(files.map(([name, photo]) => [name, json(photo.toString('base64'))]));
  const words = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value.startsWith('"') ? JSON.parse(value) : value.slice(0, 9000),
    ]),
  );
  switch (random.below(4)) {
    case 0:
      return { body: files[0]?.[1], headers: { 'content-type': 'image/jpeg' }, inQuery: words };
    case 1:
      return {
        body: Buffer.from(textOf(base64)),
        headers: { 'content-type': 'application/json' },
        inQuery: words,
      };
    case 2:
      return {
        body: Buffer.from(textOf({ ...base64, ...fields })),
        headers: { 'content-type': 'application/json' },
      };
    default: {
      const parts = Object.entries(words).map(
        ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      );
      const inForm = files.flatMap(([name, photo]) => [
        Buffer.from(`--x\r\nContent-Disposition: form-data; name="${name}"; filename="a.jpg"\r\n\r\n`),
        photo,
        Buffer.from('\r\n'),
      ]);
      return {
        body: Buffer.concat([Buffer.from(parts.join('')), ...inForm, Buffer.from('--x--\r\n')]),
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
      };
    }
  }
};
