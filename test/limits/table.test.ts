import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { problems } from '../../src/errors.ts';
import { type Limit, limits } from '../../src/limits.ts';

const here = new URL('.', import.meta.url);
const table: [string, Limit][] = Object.entries(limits);

const number = (value: number | string) =>
  typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', '\u202f') : value;
const rangeOf = ({ min, max }: Limit) =>
  min === undefined ? number(max) : `${number(min)} to ${number(max)}`;
const rows = table.map(([name, limit]) =>
  [
    `\`${name}\``,
    limit.unit === 'time' ? rangeOf(limit) : `${rangeOf(limit)} ${limit.unit}`,
    limit.what + (limit.setting ? ` Set by \`${limit.setting}\`.` : ''),
    limit.code in problems ? `\`${limit.code}\`` : limit.code,
    limit.at.join(', '),
  ].join(' | '),
);

const document = `# Limits

Limits on the size and cost of one request, one row or one photo. The table is [src/limits.ts](../src/limits.ts): the API,
the database, the models and the command line enforce the same values, and \`test/limits\` tries each of them at its largest
value and one beyond. This file is generated: \`npm test -- test/limits/table.test.ts -u\`.

Input that exceeds a limit is refused with the code, before anything is stored. Over HTTP the code is in the problem details.
A row of an INSERT violates a constraint that is named by its table, column and test (\`person_name_is_name\`), or is refused
with a SQLSTATE of [src/errors.ts](../src/errors.ts). A photo that is inserted and exceeds a limit of photos is stored and ends
as \`failed\` with the code: it was refused, which is not retried and is no dead letter.

| limit | values | what | code | enforced by |
|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join('\n')}

## How much a photo costs to decode

\`decodedBytes\` and \`photoScans\` are read from the header, before anything is decoded. A baseline JPEG, a PNG that is not
interlaced and a lossy WebP are decoded row by row and need little memory; a progressive JPEG, an interlaced PNG, a
lossless WebP, an AVIF and a HEIC are held in memory as a whole. An AVIF takes 18 bytes for each pixel (24 if it has more
than 8 bits) and a HEIC 14, so with the default limits they may have 21 (16) and 27 megapixels. One process decodes at most
\`decodingBytes\` of these at a time; other such photos wait without blocking a thread.

A decoder is stopped after \`decodingSeconds\` between two rows of its output. Its work before the first row cannot be
interrupted, because Node.js waits for it; HEIC is decoded in a thread of its own, which is ended at any point. The limits above bound that part to 4 s of one core for the most expensive photo
that was found (AMD EPYC Zen 4).
`;

it('docs/limits.md has every limit', async () => {
  await expect(document).toMatchFileSnapshot('../../docs/limits.md');
});

it('every limit has a code of the table of errors, or says that the connection is closed', () => {
  const unknown = table.filter(([, { code }]) => !(code in problems) && !code.startsWith('none: '));
  expect(unknown).toEqual([]);
});

it('every limit is named in a test of this folder', () => {
  const tests = readdirSync(here)
    .filter((file) => file.endsWith('.test.ts') && file !== 'table.test.ts')
    .map((file) => readFileSync(new URL(file, here), 'utf8'))
    .join('\n');
  expect(table.map(([name]) => name).filter((name) => !tests.includes(name))).toEqual([]);
});

it('every setting that changes a limit is in docs/settings.md', () => {
  const page = readFileSync(new URL('../../docs/settings.md', here), 'utf8');
  const settings = table.flatMap(([, { setting }]) => setting ?? []);
  expect(settings.filter((setting) => !page.includes(setting))).toEqual([]);
});
