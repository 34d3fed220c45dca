import { tlsProblemOf } from '../outgoing/index.ts';

/** Why a bridge is not connected, for people. */
export const reasonOf = (error: unknown): string => {
  const problem = tlsProblemOf(error);
  if (problem !== undefined) return `the broker cannot be connected: ${problem}`;
  return error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
};
