import type { KeptHead } from '../database/verify.ts';
import { type Manifest, manifestSchema, sha256 } from './manifest.ts';
import { checkProof, ProofError, type Proven, type ProvenEvent, proofSchema, type Stretch } from './proof.ts';
import { type Files, unpackZip, ZipError } from './zip.ts';

/** One thing that was found. note: it could not be judged, or is good to know. */
export interface EvidenceFinding {
  readonly is: 'ok' | 'FAIL' | 'note';
  readonly text: string;
}

/** What is compared with: a database that knows the digest of a seal by its number, or heads that were kept. */
export type Against =
  | { readonly digestOf: (number: number) => Promise<string | undefined> }
  | { readonly kept: readonly KeptHead[] };

/** Stops the check with one failure. */
class Failure extends Error {}

/**
 * Checks the evidence of an alert: that each file is the one that was packed, that the record said so, and that this record
 * is the one that is compared with.
 *
 * @returns what was found; the evidence is good if nothing of it is `FAIL`.
 */
export const checkEvidence = async (zip: Buffer, against: Against): Promise<EvidenceFinding[]> => {
  try {
    const files = await unpackZip(zip);
    const manifest = readManifest(files);
    checkFiles(files, manifest);
    const proven = checkProof(readProof(files));
    checkEvents(files, manifest, proven);
    const findings: EvidenceFinding[] = [
      {
        is: 'ok',
        text: `alert ${manifest.alert_id}: ${manifest.files.length} files are as they were packed`,
      },
      { is: 'ok', text: `${manifest.events.length} events have the hashes that their seals cover` },
    ];
    const compared =
      'kept' in against ? compareWithHeads(proven, against.kept) : await compareWithDatabase(proven, against);
    return [...findings, ...compared];
  } catch (error) {
    if (error instanceof Failure || error instanceof ProofError || error instanceof ZipError)
      return [{ is: 'FAIL', text: error.message }];
    throw error;
  }
};

const fail = (text: string): never => {
  throw new Failure(text);
};

const textOf = (files: Files, name: string): string =>
  files.get(name)?.toString('utf8') ?? fail(`${name} is missing.`);

const readManifest = (files: Files): Manifest => {
  const text = textOf(files, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return fail('manifest.json cannot be read: it was altered, or is of a newer version.');
  }
};

const readProof = (files: Files) => {
  const text = textOf(files, 'proof.json');
  try {
    const proof = proofSchema.parse(JSON.parse(text));
    // Everything in it is hashed but white space and the order of keys.
    if (JSON.stringify(proof) === text) return proof;
  } catch {
    // The same sentence.
  }
  return fail('proof.json cannot be read: it was altered, or is of a newer version.');
};

const checkFiles = (files: Files, manifest: Manifest): void => {
  const listed = new Set(['manifest.json', 'proof.json']);
  for (const { name, bytes, sha256: wanted } of manifest.files) {
    const file = files.get(name) ?? fail(`${name} is missing.`);
    if (listed.has(name) || file.length !== bytes || sha256(file) !== wanted)
      fail(`${name} was altered: it is not the file that was packed.`);
    listed.add(name);
  }
  for (const name of files.keys())
    if (!listed.has(name)) fail(`${name} was added: it is not in manifest.json.`);
};

/** Whether the record knows these files: the list of them, and of the photo and the faces the hashes as well. */
const checkEvents = (files: Files, manifest: Manifest, { events }: Proven): void => {
  const made = events.at(-1);
  const hash = sha256(files.get('manifest.json') as Buffer);
  if (
    made?.topic !== 'evidence.made' ||
    made.subjectId !== manifest.alert_id ||
    made.payload.manifest_sha256 !== hash
  )
    fail('manifest.json is not the one that the record tells of: it was altered.');
  const ids = events.slice(0, -1).map(({ id }) => id);
  if (ids.join() !== manifest.events.join()) fail('proof.json does not hold the events that were packed.');
  for (const { name, sha256: found, image_id, face_id } of manifest.files) {
    const [key, id, said] =
      image_id === undefined ? ['face_id', face_id, 'crop_sha256'] : ['image_id', image_id, 'image_sha256'];
    if (id === undefined) continue;
    const event = events.find(
      ({ topic, payload }) => topic === 'match.found' && payload[key as string] === id,
    );
    if (event?.payload[said] !== found) fail(`${name} is not what was matched, as the record says.`);
  }
};

const rangeOf = ({ first, last }: Stretch): string => (first === last ? `${first}` : `${first} to ${last}`);

const compareWithDatabase = async (
  { stretches }: Proven,
  { digestOf }: Extract<Against, { digestOf: unknown }>,
): Promise<EvidenceFinding[]> => {
  for (const stretch of stretches) {
    const digest = await digestOf(stretch.last);
    if (digest === undefined)
      return [
        { is: 'FAIL', text: `the database has no seal ${stretch.last}: it is another, or was set back` },
      ];
    if (digest !== stretch.digests.get(stretch.last))
      return [
        { is: 'FAIL', text: `seal ${stretch.last} is another in the database: one of the two was rewritten` },
      ];
  }
  return [
    { is: 'ok', text: `seals ${stretches.map(rangeOf).join(', ')} are those of the database` },
    {
      is: 'note',
      text: 'the database itself is checked by verify --head FILE, with a head that was kept elsewhere',
    },
  ];
};

/** A head that was kept proves the seals of its stretch up to its own number. */
const compareWithHeads = ({ events, stretches }: Proven, kept: readonly KeptHead[]): EvidenceFinding[] => {
  const proven = new Map<Stretch, number>();
  for (const { number, digest } of kept) {
    for (const stretch of stretches) {
      const found = [...stretch.digests].find(([, one]) => one === digest)?.[0];
      const numbered = number === undefined ? undefined : stretch.digests.get(Number(number));
      if (numbered !== undefined && numbered !== digest)
        return [
          {
            is: 'FAIL',
            text: `seal ${number} is another than the head that was kept: one of the two was rewritten`,
          },
        ];
      if (found !== undefined) proven.set(stretch, Math.max(found, proven.get(stretch) ?? 0));
    }
  }
  const isProven = ({ seal }: ProvenEvent) =>
    [...proven].some(([{ first }, upto]) => seal >= first && seal <= upto);
  return describe(events, events.filter(isProven), stretches);
};

const describe = (
  events: readonly ProvenEvent[],
  proven: readonly ProvenEvent[],
  stretches: readonly Stretch[],
): EvidenceFinding[] => {
  const made = events.at(-1) as ProvenEvent;
  const about = events.length - 1;
  if (proven.length === 0)
    return [
      {
        is: 'FAIL',
        text: `no head that was kept proves anything here: the evidence holds the seals ${stretches.map(rangeOf).join(', ')}; a head of one of them is needed, or the database`,
      },
    ];
  if (proven.includes(made))
    return [
      {
        is: 'ok',
        text: `a head that was kept proves all files${proven.length === events.length ? ` and ${about} events` : ''}`,
      },
      ...(proven.length === events.length
        ? []
        : [
            {
              is: 'note' as const,
              text: `${events.length - proven.length} events lie in parts of the chain that no kept head is of`,
            },
          ]),
    ];
  return [
    {
      is: 'ok',
      text: `a head that was kept proves ${proven.length} of ${about} events, and the photo and faces that they name`,
    },
    {
      is: 'note',
      text: `the other files were packed after it: they are proven by the database, or by a head from seal ${made.seal} on`,
    },
  ];
};
