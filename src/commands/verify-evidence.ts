import { readFile } from 'node:fs/promises';
import { readDigest } from '../database/verify.ts';
import { CommandError } from '../errors.ts';
import { checkEvidence } from '../evidence/index.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { readKeptHeads } from './program/kept-heads.ts';
import type { Context } from './program/session.ts';

/**
 * verify --evidence: checks a file of `alert evidence`.
 *
 * @param head a digest, a line or a file of heads that were kept; undefined: the database is asked instead.
 */
export const verifyEvidenceFile = async (
  context: Context,
  path: string,
  head: string | undefined,
  options: { json?: boolean },
): Promise<boolean> => {
  const { io } = context;
  const zip = await readFile(path).catch((error: Error) => {
    throw new CommandError(`--evidence: ${path} cannot be read: ${whyUnusableFile(error) ?? error.message}.`);
  });
  const findings = await checkEvidence(
    zip,
    head === undefined ? await database(context) : { kept: await readKeptHeads(head) },
  );
  const good = findings.every((finding) => finding.is !== 'FAIL');
  if (options.json) printJson(io, { ok: good, findings });
  else for (const finding of findings) print(io, `${finding.is.padEnd(5)} ${finding.text}`);
  return good;
};

const database = async (context: Context) => {
  const opened = await connect(context, { max: 1 });
  return { digestOf: (seal: number) => readDigest(opened, seal) };
};
