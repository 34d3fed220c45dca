import { gzipSync } from 'node:zlib';
import type { Random } from './random.ts';

/** Values that have broken programs before. None of them is an address on another machine. */

const texts: readonly (() => string)[] = [
  () => '',
  () => ' ',
  () => '\u00a0\u2003\ufeff',
  () => '\u200b\u200d',
  () => '\0',
  () => 'a\0b',
  () => '\ud800',
  () => '\udfff\ud800',
  () => '\x1b[2J\x07',
  () => 'line\r\nX-Header: yes',
  () => "'; drop table person; --",
  () => '%00%ff%zz',
  () => '../../../etc/passwd',
  () => '{{7*7}}<%= 7 %>',
  () => '𝔵'.repeat(201),
  () => 'e\u0301'.repeat(400),
  () => 'x'.repeat(5_000),
  () =>
    Array.from({ length: 6_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000))).join(''),
  () => 'NaN',
  () => 'Infinity',
  () => '-1',
  () => '1e400',
  () => '0x10',
  () => '9'.repeat(400),
  () => 'true',
  () => 'null',
  () => '__proto__',
  () => 'constructor',
];
const times: readonly string[] = [
  '0000-01-01T00:00:00Z',
  '0000-01-01T00:00:00+23:59',
  '0001-01-01T00:00:00+23:59',
  '9999-12-31T23:59:59.999999-23:59',
  '9999-12-31T23:59:59Z',
  '2026-02-30T00:00:00Z',
  '2026-06-30T23:59:60Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:00+15:59',
  '2026-01-01T00:00:00+16:00',
  `2026-01-01T00:00:00.${'1'.repeat(300)}Z`,
  '-000001-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  'infinity',
  '-infinity',
  'now',
  'epoch',
];
const urls: readonly string[] = [
  'http://127.0.0.1:1/',
  'http://127.0.0.1:99999/',
  'https://user:secret@127.0.0.1:1/',
  'http://[::1',
  'http://[::1]:1/',
  'ftp://127.0.0.1/',
  'javascript:alert(1)',
  'data:text/plain,x',
  'file:///etc/passwd',
  'http:///',
  'http://127.0.0.1:1/\u0000',
  `http://127.0.0.1:1/${'x'.repeat(3000)}`,
];
const numbers: readonly string[] = [
  '0',
  '-0',
  '-1',
  '0.5',
  '1e-320',
  '1e-46',
  '1e38',
  '3.5e38',
  '1e300',
  '1e999',
  '-1e999',
  '32768',
  '2147483648',
  '9007199254740993',
  '9223372036854775808',
  '99999999999999999999999999',
];

/** A text that may break a server. */
export const hostileText = (random: Random): string =>
  random.chance(0.3) ? random.pick(times) : random.chance(0.15) ? random.pick(urls) : random.pick(texts)();

const nested = (random: Random): string => {
  const levels = random.pick([3, 39, 41, 1000, 30_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"k":', '}'],
  ] as const);
  return `${open.repeat(levels)}1${random.chance(0.8) ? close.repeat(levels) : ''}`;
};

/** A hostile value as JSON text, as JSON.stringify cannot write all of them. */
export const hostileJson = (random: Random): string => {
  switch (random.below(8)) {
    case 0:
      return random.pick(numbers);
    case 1:
      return random.pick([
        'null',
        'true',
        'false',
        '[]',
        '{}',
        '[null]',
        '[[1]]',
        '{"a":{}}',
        '{"__proto__":{}}',
      ]);
    case 2:
      return nested(random);
    case 3:
      return `[${Array(random.pick([2, 1001, 20_000]))
        .fill('"x"')
        .join(',')}]`;
    case 4:
      return `{${Array.from({ length: random.pick([30, 12_000]) }, (_, i) => `"k${i}":${i}`).join(',')}}`;
    default:
      return JSON.stringify(hostileText(random));
  }
};

/** A body that is not what the call takes, and its headers. */
export const hostileBody = (random: Random): { body: Buffer; headers: Record<string, string> } => {
  const type = random.pick([
    'application/json',
    'application/json; charset=utf-16',
    'text/plain',
    'image/jpeg',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${'b'.repeat(300)}`,
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    ';;;',
  ]);
  const body = random.pick<() => Buffer>([
    () => Buffer.from(hostileJson(random)),
    () => Buffer.from(`{"name": ${hostileJson(random)}`),
    () => Buffer.from('{"name": "Ada", "name": 5, }'),
    () => Buffer.from('\ufeff{"name": "Ada"}'),
    () => Buffer.from('\ufeff{"name": "Ada"}', 'utf16le'),
    () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0xc3, 0x28, 0x22, 0x7d]),
    () => Buffer.from(Array.from({ length: 2000 }, () => random.below(256))),
    () => Buffer.alloc(random.pick([0, 1, 70_000, 1_100_000]), ' '),
    () => Buffer.from('name=Ada&location=gate'),
    () => Buffer.from(brokenForm(random), 'latin1'),
  ])();
  const headers: Record<string, string> = { 'content-type': type };
  if (random.chance(0.15)) headers['content-encoding'] = random.pick(['gzip', 'br', 'identity', 'x']);
  return { body: headers['content-encoding'] === 'gzip' ? gzipSync(body) : body, headers };
};

/** A form with the boundary x, which may be broken anywhere. */
const brokenForm = (random: Random): string => {
  const part = () =>
    random.pick([
      () => '--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\nno photo\r\n',
      () => '--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n\r\n',
      () => '--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nwords\r\n',
      () => '--x\r\nContent-Disposition: form-data; name="camera"\r\n\r\ngate\r\n',
      () => `--x\r\nContent-Disposition: form-data; name="${hostileText(random)}"\r\n\r\n1\r\n`,
      () => `--x\r\nContent-Disposition: form-data; name="camera"\r\n\r\n${hostileText(random)}\r\n`,
      () => `--x\r\n${'X-Header: yes\r\n'.repeat(3000)}\r\n1\r\n`,
      () => '--x\r\nContent-Disposition: attachment\r\n\r\n1\r\n',
      () => '--x\r\n\r\n1\r\n',
      () => '--x\r\n'.repeat(500),
      () => '--x--\r\n',
    ])();
  const whole = `${Array.from({ length: random.below(6) }, part).join('')}--x--\r\n`;
  if (random.chance(0.4)) return whole;
  const at = random.below(whole.length);
  return random.pick([
    whole.slice(0, at),
    whole.slice(0, at) + whole.slice(at + 1 + random.below(6)),
    `${whole.slice(0, at)}\r\n--x${whole.slice(at)}`,
  ]);
};
