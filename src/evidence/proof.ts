import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * What shows that events are part of the record: the texts that were hashed, the leaves of the seals that cover them, and
 * parts of the chain of seals. sql/6-record/seal-hashes.sql says how the hashes are made.
 */

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const sealNumber = z.int().min(1);

const sealed = z.strictObject({ seal: sealNumber, text: z.string() });

/** The file proof.json. */
export const proofSchema = z.strictObject({
  /** The events of the alert, oldest first, and last the one of this evidence. */
  events: z.array(sealed).min(1),
  /** Of each seal that covers an event, the ids and hashes of all its rows. */
  leaves: z.array(z.strictObject({ seal: sealNumber, ids: z.array(z.guid()), leaves: z.array(hex) })),
  /** Parts of the chain without gaps, in its order. `previous` is the digest of the seal before the first. */
  chain: z.array(
    z.strictObject({
      previous: hex,
      seals: z.array(z.strictObject({ text: z.string(), digest: hex })).min(1),
    }),
  ),
});
export type Proof = z.infer<typeof proofSchema>;

/** An event as its text says it. */
export interface ProvenEvent {
  readonly id: string;
  readonly topic: string;
  readonly subjectId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly seal: number;
}

/** A part of the chain: from which seal to which, and the digest of each. */
export interface Stretch {
  readonly first: number;
  readonly last: number;
  readonly digests: ReadonlyMap<number, string>;
}

/** A proof that holds in itself: each text has its hash, each hash its seal, each seal its place in the chain. */
export interface Proven {
  readonly events: readonly ProvenEvent[];
  readonly stretches: readonly Stretch[];
}

/** The proof does not hold; the message says where. */
export class ProofError extends Error {
  override readonly name = 'ProofError';
}

const sha256 = (...parts: (string | Buffer)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const eventText = z.tuple([
  z.literal('event'),
  z.guid(),
  z.string(),
  z.guid(),
  z.guid().nullable(),
  z.record(z.string(), z.unknown()),
  z.array(z.string()),
  z.string(),
  z.string(),
]);

/** Of a seal: number, kind, rows, six bounds, root; what follows is not read. */
const sealText = z
  .tuple([sealNumber, z.string(), z.int().min(0)])
  .rest(z.unknown())
  .transform(([number, kind, rows, ...rest]) => ({ number, kind, rows, root: rest[6] }));

type SealText = z.infer<typeof sealText>;

const parse = <T>(schema: z.ZodType<T>, text: string, what: string): T => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ProofError(`${what} cannot be read.`);
  }
};

/**
 * Recomputes every hash of a proof.
 *
 * @throws {ProofError} at the first that is not what it should be.
 */
export const checkProof = (proof: Proof): Proven => {
  const seals = new Map<number, SealText>();
  const stretches = proof.chain.map((part) => checkStretch(part, seals));
  for (const part of proof.leaves) checkLeaves(part, seals.get(part.seal));
  const leavesOf = new Map(
    proof.leaves.map(({ seal, ids, leaves }) => [seal, new Map(ids.map((id, n) => [id, leaves[n]]))]),
  );
  const events = proof.events.map(({ seal, text }) => {
    const [, id, topic, subjectId, , payload] = parse(eventText, text, `An event of seal ${seal}`);
    if (leavesOf.get(seal)?.get(id) !== sha256(text).toString('hex'))
      throw new ProofError(`The event ${id} (${topic}) is not the one that seal ${seal} covers.`);
    return { id, topic, subjectId, payload, seal };
  });
  return { events, stretches };
};

const checkStretch = ({ previous, seals }: Proof['chain'][number], known: Map<number, SealText>): Stretch => {
  const digests = new Map<number, string>();
  let before = previous;
  let expected: number | undefined;
  for (const { text, digest } of seals) {
    const seal = parse(sealText, text, 'A seal');
    const { number } = seal;
    if (known.has(number) || (expected !== undefined && number !== expected))
      throw new ProofError(`Seal ${number} is not where it should be in the chain.`);
    if (sha256(Buffer.from(before, 'hex'), text).toString('hex') !== digest)
      throw new ProofError(`Seal ${number} does not follow from seal ${number - 1}.`);
    known.set(number, seal);
    digests.set(number, digest);
    before = digest;
    expected = number + 1;
  }
  const numbers = [...digests.keys()];
  return { first: numbers[0] as number, last: numbers.at(-1) as number, digests };
};

const checkLeaves = ({ seal, ids, leaves }: Proof['leaves'][number], sealed: SealText | undefined): void => {
  const rows = ids.flatMap((id, n) => [
    Buffer.from(id.replaceAll('-', ''), 'hex'),
    Buffer.from(leaves[n] ?? '', 'hex'),
  ]);
  if (
    sealed?.kind !== 'event' ||
    ids.length !== leaves.length ||
    ids.length !== sealed.rows ||
    sha256(...rows).toString('hex') !== sealed.root
  )
    throw new ProofError(`The rows of seal ${seal} are not those that were sealed.`);
};
