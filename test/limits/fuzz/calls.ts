import { dismissals } from '../../../src/watchlist/alerts.ts';
import { hostileBody, hostileJson, hostileText } from './hostile.ts';
import type { Random } from './random.ts';
import type { State } from './state.ts';

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

/** The fields of a valid call to a route, as JSON text, so that hostile values can replace them. */
type Fields = Record<string, string>;

/** What calls are made of. */
export interface Supplies {
  readonly random: Random;
  readonly state: State;
  readonly photos: readonly Buffer[];
  readonly endpointUrl: string;
  readonly index: number;
}

const json = (value: unknown) => JSON.stringify(value);

/** Something from the state, or an id that does not exist. */
const any = ({ random, state }: Supplies, word: string): string =>
  random.pick([...(state[word] ?? []), '01890000-0000-7000-8000-000000000000']);

/** Of lists that take a time. */
const period = { since: '2026-01-01T00:00:00Z', until: '2999-01-01T00:00:00Z', limit: '5' };

/** A cursor: most calls ask for the first page. */
const sometimesAfter = (supplies: Supplies, word: string): Record<string, string> =>
  supplies.random.chance(0.3) ? { after: any(supplies, word) } : {};

/** The routes that take fields in a body, with a valid body for each. */
export const fieldsOf: Record<string, (supplies: Supplies) => Fields> = {
  'POST /v1/images': (s) => ({
    camera: json(any(s, 'names of cameras')),
    captured_at: json(new Date().toISOString()),
  }),
  'POST /v1/search': (s) => ({
    watchlists: json([any(s, 'names of watchlists')]),
    past: 'true',
    strangers: '"true"',
    similarity: '0.4',
    most: '3',
    since: '"2026-01-01T00:00:00Z"',
    faces: '"near"',
  }),
  'POST /v1/compare': () => ({ threshold: '0.4', faces: '"near"' }),
  'POST /v1/detect': () => ({ faces: '"near"' }),
  'POST /v1/persons': (s) => ({
    name: json(`Somebody ${s.index}`),
    external_ref: json(`ref ${s.index}`),
    metadata: json({ height: 1.8, tags: ['a', 'b'] }),
    legal_basis: '"consent"',
    keep_until: '"2999-01-01T00:00:00Z"',
    watchlists: json([any(s, 'names of watchlists')]),
  }),
  'PATCH /v1/persons/:id': (s) => ({
    name: json(`Somebody ${s.index}`),
    external_ref: 'null',
    metadata: json({ k: s.index }),
    legal_basis: '"law_enforcement"',
    keep_until: 'null',
  }),
  'POST /v1/persons/:id/merge': (s) => ({ merged_id: json(any(s, 'persons')), note: '"one person"' }),
  'POST /v1/persons/:id/unmerge': () => ({ note: '"two people"' }),
  'POST /v1/persons/:id/photos': () => ({ face: '1', accept: json('face_small,face_blurred') }),
  'POST /v1/persons/:id/faces': (s) => ({ face_id: json(any(s, 'faces')), accept: '["face_small"]' }),
  'PATCH /v1/persons/:id/photos/:photo': (s) =>
    s.random.chance(0.5) ? { face: '2', reason: '"a slip"' } : { accept: '["face_small"]' },
  'POST /v1/watchlists': (s) => ({
    name: json(`wanted ${s.index}`),
    purpose: '"a test"',
    severity: '"critical"',
    ...(s.random.chance(0.9) ? { threshold: '0.5' } : { target_fpir: '0.01' }),
    min_looks: '3',
    min_share: '0.5',
    cooldown_seconds: '60',
    enabled: 'true',
    valid_from: '"2026-01-01T00:00:00+02:00"',
    valid_until: '"2999-01-01T00:00:00Z"',
    reviewers: '2',
    page_retroactive: 'false',
    color: '"#d4201a"',
    sound: '"bell"',
    must_acknowledge: 'true',
    cameras: json([any(s, 'names of cameras')]),
    zones: '["outside"]',
    site: json(any(s, 'sites')),
  }),
  'PUT /v1/watchlists/:id/paging': (s) => ({
    time_zone: '"Europe/Berlin"',
    quiet: '[{"days": [1, 7], "begins": "22:00", "ends": "06:00"}]',
    critical_pierces: 'true',
    at_most: '50',
    within_seconds: '60',
    escalate_after_seconds: '600',
    steps: json([any(s, 'names of endpoints')]),
  }),
  'PATCH /v1/watchlists/:id': (s) => ({
    name: json(`fuzzed list ${s.index}`),
    purpose: '"another test"',
    severity: '"info"',
    ...(s.random.chance(0.9) ? { threshold: '0.4' } : { target_fpir: '0.01' }),
    min_looks: '1',
    min_share: '0',
    cooldown_seconds: '5.5',
    enabled: 'true',
    valid_from: 'null',
    valid_until: 'null',
    reviewers: '1',
    page_retroactive: 'true',
    color: 'null',
    sound: '"none"',
    must_acknowledge: 'false',
    cameras: s.random.chance(0.5) ? json([any(s, 'cameras')]) : 'null',
    zones: 'null',
  }),
  'POST /v1/cameras': (s) => ({
    name: json(`door ${s.index}`),
    location: '"North gate"',
    zone: '"outside"',
    faces: '"near"',
    silent_after_seconds: '600',
    frames_per_second: '2.5',
    track_gap_seconds: '3',
    still_difference: '7.5',
    source: '"rtsp://guard:secret@camera.example/stream"',
    rotation: '90',
    frame_width: '1280',
    region: json({ x: 0, y: 0.25, width: 1, height: 0.5 }),
    site: json(any(s, 'sites')),
    plan: json({ id: any(s, 'plans'), x: 0.5, y: 1 }),
  }),
  'POST /v1/plans': (s) => ({ name: json(`floor ${s.index}`), site: json(any(s, 'sites')) }),
  'PATCH /v1/plans/:id': (s) => ({ name: json(`floor, once ${s.index}`) }),
  'PUT /v1/plans/:id/image': () => ({}),
  'POST /v1/persons/:id/cannot-links': (s) => ({
    ...(s.random.chance(0.5) ? { face_id: json(any(s, 'faces')) } : { person_id: json(any(s, 'persons')) }),
    reason: '"a twin"',
  }),
  'POST /v1/sites': (s) => ({ name: json(`site ${s.index}`) }),
  'PATCH /v1/sites/:id': (s) => ({ name: json(`site, once ${s.index}`) }),
  'PATCH /v1/cameras/:id': (s) => ({
    name: json(`gate ${s.index}`),
    location: json(`Gate ${s.index}`),
    zone: 'null',
    faces: '"far"',
    plan: s.random.chance(0.5) ? json({ id: any(s, 'plans'), x: 0, y: 1 }) : 'null',
    silent_after_seconds: 'null',
    frames_per_second: 'null',
    track_gap_seconds: '2',
    still_difference: 'null',
    source: 'null',
    rotation: 'null',
    frame_width: 'null',
    region: 'null',
  }),
  'POST /v1/strangers/:id/person': (s) => ({
    name: json(`Found ${s.index}`),
    external_ref: json(`s${s.index}`),
    watchlists: json([any(s, 'names of watchlists')]),
    legal_basis: '"consent"',
  }),
  'POST /v1/stranger-rules': (s) => ({
    name: json(`Rule ${s.index}`),
    site: json(any(s, 'sites')),
    severity: '"critical"',
    cameras: json([any(s, 'names of cameras')]),
    known_on: json([any(s, 'names of watchlists')]),
    days: '[1, 7]',
    hours: '{"from": "22:00", "until": "06:00"}',
    time_zone: '"Europe/Vienna"',
    min_looks: '2',
    min_quality: '0.5',
    wait_seconds: '3',
    visits: '3',
    within_seconds: '86400',
    enabled: 'true',
  }),
  'PATCH /v1/stranger-rules/:id': (s) => ({
    name: json(`Rule, once ${s.index}`),
    severity: '"info"',
    cameras: json([any(s, 'names of cameras')]),
    known_on: json([any(s, 'names of watchlists')]),
    hours: 'null',
    days: 'null',
    time_zone: '"UTC"',
    min_looks: '1',
    min_quality: '0',
    wait_seconds: '0',
    visits: 'null',
    within_seconds: '3600',
    enabled: 'false',
  }),
  'POST /v1/endpoints': (s) => ({
    name: json(`guards ${s.index}`),
    url: json(s.endpointUrl),
    watchlists: json([any(s, 'names of watchlists')]),
    min_severity: '"warning"',
    time_to_live_seconds: '60',
    sends: '"alerts"',
    kind: '"ntfy"',
    settings: '{}',
    credential: '"tk_1"',
    title_template: '"{{person}}"',
    text_template: '"{{#place}}at {{place}}{{/place}}"',
  }),
  'PATCH /v1/endpoints/:id': (s) => ({
    name: json(`guards, once ${s.index}`),
    url: json(s.endpointUrl),
    watchlists: json([any(s, 'names of watchlists')]),
    min_severity: '"info"',
    time_to_live_seconds: '900',
    sends: '"both"',
    settings: '{}',
    credential: 'null',
    title_template: 'null',
    text_template: '"{{person}}"',
  }),
  'POST /v1/bridges': (s) => ({
    name: json(`bridge ${s.index}`),
    kind: '"kafka"',
    direction: '"in"',
    url: '"kafka://broker.example:9092,other.example"',
    address: '"photos"',
    topics: '[]',
    mode: '"binary"',
    camera: json(any(s, 'names of cameras')),
    credentials: '{"username": "u", "password": "p"}',
    from_beginning: 'true',
  }),
  'PATCH /v1/bridges/:id': (s) => ({
    name: json(`bridge, once ${s.index}`),
    url: '"nats://broker.example"',
    address: '"watchpost.{topic}"',
    topics: '[]',
    mode: '"structured"',
    camera: json(any(s, 'cameras')),
    credentials: '{"token": "t"}',
  }),
  'PUT /v1/retention': () => ({ legal_basis: '"consent"', purpose: '"a test"' }),
  'PUT /v1/retention/:what': () => ({ action: '"delete"', age_seconds: '172800', purpose: '"a test"' }),
  'PUT /v1/retention/:what/cameras/:id': () => ({
    action: '"delete"',
    age_seconds: '86400.5',
    purpose: '"a test"',
  }),
  'POST /session': () => ({ key: '"wp_not-a-key"' }),
  'POST /v1/keys': (s) => ({
    name: json(`key ${s.index}`),
    scopes: '["read","enrol"]',
    sites: json([any(s, 'sites')]),
    cameras: json([any(s, 'names of cameras')]),
    watchlists: json([any(s, 'watchlists')]),
    expires_at: '"2999-01-01T00:00:00Z"',
    rate_per_minute: '600',
    max_streams: '2',
    max_backlog: '1000000',
  }),
  'PATCH /v1/keys/:id': (s) => ({
    sites: json([any(s, 'sites')]),
    cameras: json([any(s, 'names of cameras')]),
    watchlists: s.random.chance(0.5) ? json([any(s, 'watchlists')]) : 'null',
    expires_at: 'null',
    rate_per_minute: '100000',
    max_streams: 'null',
    max_backlog: '1000000',
  }),
  'POST /v1/tasks/:task': (s) => ({ image_id: json(any(s, 'images')) }),
  'POST /v1/keys/:id/rotate': () => ({ overlap_seconds: '60' }),
  'POST /v1/alerts/:id/dismiss': (s) => ({ dismissal: json(s.random.pick(dismissals)), note: '"a poster"' }),
  'POST /v1/alerts/:id/acknowledge': () => ({ note: '"seen"' }),
  'POST /v1/alerts/:id/confirm': () => ({ note: '"it is them"' }),
  'POST /v1/alerts/:id/reopen': () => ({ note: '"again"' }),
  'POST /v1/alerts/:id/undo': (s) => ({
    note: '"wrong one"',
    ...(s.random.chance(0.5) ? { review: json(any(s, 'reviews')) } : {}),
  }),
  'POST /v1/persons/:id/erasure': (s) => ({
    with_matched_faces: 'true',
    dry_run: json(s.random.chance(0.7)),
  }),
  'POST /v1/images/:id/erasure': (s) => ({ dry_run: json(s.random.chance(0.7)) }),
};

/** The routes that take a query, with a valid one for each. */
export const queryOf: Record<string, (supplies: Supplies) => Record<string, string>> = {
  'GET /v1/images/:id/photo': () => ({ side: '320' }),
  'GET /v1/persons/:id/sightings': (s) => ({
    since: '2026-01-01T00:00:00Z',
    until: '2999-01-01T00:00:00Z',
    limit: '5',
    after: any(s, 'faces'),
  }),
  'GET /v1/persons/:id/path': () => ({
    since: '2026-01-01T00:00:00Z',
    until: '2999-01-01T00:00:00Z',
    apart_seconds: '60',
    limit: '5',
  }),
  'GET /v1/plans': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of plans') }),
  'GET /v1/persons/:id/photos': (s) => ({ limit: '5', ...sometimesAfter(s, 'photos') }),
  'GET /v1/persons': (s) => ({
    name: 'Per',
    query: 'er',
    limit: '10',
    after: any(s, 'persons'),
    watchlist: any(s, 'names of watchlists'),
    external_ref: 'ref 1',
  }),
  'DELETE /v1/persons/:id/photos/:photo': () => ({ reason: 'not them' }),
  'GET /v1/calibrations/:file': () => ({ target_fpir: '0.01' }),
  'GET /v1/alerts': (s) => ({
    state: 'open',
    person_id: any(s, 'persons'),
    watchlist: any(s, 'names of watchlists'),
    min_severity: 'warning',
    must_acknowledge: 'false',
    since: '2026-01-01T00:00:00Z',
    limit: '5',
    ...sometimesAfter(s, 'alerts'),
  }),
  'GET /v1/alerts/stream': (s) => ({
    state: 'open',
    person_id: any(s, 'persons'),
    watchlist: any(s, 'names of watchlists'),
    must_acknowledge: 'true',
    min_severity: 'critical',
    since: '2026-01-01T00:00:00Z',
  }),
  'GET /v1/strangers': (s) => ({
    visits: '1',
    since: '2026-01-01T00:00:00Z',
    limit: '3',
    ...sometimesAfter(s, 'strangers'),
  }),
  'GET /v1/stranger-alerts': (s) => ({
    rule: any(s, 'stranger-rules'),
    camera: any(s, 'cameras'),
    since: '2026-01-01T00:00:00Z',
    open: 'true',
    limit: '3',
    ...sometimesAfter(s, 'stranger-alerts'),
  }),
  'GET /v1/events': (s) => ({
    topic: 'person.changed',
    camera: any(s, 'names of cameras'),
    person: any(s, 'persons'),
    image: any(s, 'images'),
    since: '2026-01-01T00:00:00Z',
    until: '2999-01-01T00:00:00Z',
    limit: '5',
    ...sometimesAfter(s, 'events'),
  }),
  'POST /v1/endpoints/:id/rotate': () => ({ keep_seconds: '60' }),
  'GET /v1/endpoints/:id/deliveries': (s) => ({ limit: '5', ...sometimesAfter(s, 'deliveries') }),
  'GET /v1/endpoints': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of endpoints') }),
  'GET /v1/bridges': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of bridges') }),
  'GET /v1/stranger-rules': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of stranger-rules') }),
  'GET /v1/watchlists': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of watchlists') }),
  'GET /v1/cameras': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of cameras') }),
  'GET /v1/calibrations': (s) => ({ limit: '5', ...sometimesAfter(s, 'calibrations') }),
  'GET /v1/dead-letters': (s) => ({ limit: '5', ...sometimesAfter(s, 'dead-letters') }),
  'GET /v1/access': (s) => ({
    actor: 'api:fuzz',
    action: 'crop',
    person: any(s, 'persons'),
    subject: any(s, 'faces'),
    since: '2026-01-01T00:00:00Z',
    until: '2999-01-01T00:00:00Z',
    limit: '5',
    ...sometimesAfter(s, 'accesses'),
  }),
  'GET /v1/seals': () => ({ after: '5', limit: '5' }),
  'GET /v1/seals/comparison': () => ({ first: '1' }),
  'GET /v1/images': (s) => ({
    camera: any(s, 'names of cameras'),
    ...period,
    state: s.random.pick(['received', 'processing', 'done', 'failed']),
    ...sometimesAfter(s, 'images'),
  }),
  'GET /v1/faces': (s) => ({
    image: any(s, 'images'),
    person: any(s, 'persons'),
    camera: any(s, 'names of cameras'),
    track: any(s, 'tracks'),
    ...period,
    ...sometimesAfter(s, 'faces'),
  }),
  'GET /v1/tracks': (s) => ({
    camera: any(s, 'names of cameras'),
    person: any(s, 'persons'),
    decision: s.random.pick(['match', 'few_looks', 'nobody']),
    ...period,
    ...sometimesAfter(s, 'tracks'),
  }),
  'GET /v1/sightings': (s) => ({
    image: any(s, 'images'),
    person: any(s, 'persons'),
    watchlist: any(s, 'names of watchlists'),
    camera: any(s, 'cameras'),
    ...period,
    ...sometimesAfter(s, 'sightings'),
  }),
  'GET /v1/searches': (s) => ({
    face: any(s, 'faces'),
    image: any(s, 'images'),
    camera: any(s, 'names of cameras'),
    outcome: 'match',
    ...period,
    ...sometimesAfter(s, 'searches'),
  }),
  'GET /v1/merges': (s) => ({
    person: any(s, 'persons'),
    undone: 'false',
    ...period,
    ...sometimesAfter(s, 'merges'),
  }),
  'GET /v1/deliveries': (s) => ({
    endpoint: any(s, 'endpoints'),
    alert: any(s, 'alerts'),
    outcome: 'failed',
    ...period,
    ...sometimesAfter(s, 'deliveries'),
  }),
  'GET /v1/workers': (s) => ({ state: 'running', limit: '5', ...sometimesAfter(s, 'workers') }),
  'GET /v1/keys': (s) => ({ limit: '5', ...sometimesAfter(s, 'names of keys') }),
  'GET /v1/erasures': (s) => ({ what: 'person', limit: '5', ...sometimesAfter(s, 'erasures') }),
};

/** The routes that take photos, in these fields. */
export const photoFields: Record<string, readonly string[]> = {
  'POST /v1/images': ['image'],
  'POST /v1/persons/:id/photos': ['image'],
  'POST /v1/search': ['image'],
  'POST /v1/compare': ['image', 'other'],
  'POST /v1/detect': ['image'],
  'POST /v1/plans': ['image'],
  'PUT /v1/plans/:id/image': ['image'],
};

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
