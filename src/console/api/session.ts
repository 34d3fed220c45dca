import { signal } from '@preact/signals';
import { Problem } from './problem.ts';

/** What a key may be allowed to do; `administer` includes all the others. */
export type Scope = 'submit' | 'read' | 'enrol' | 'review' | 'administer';

/** Who is logged in. */
export interface Session {
  readonly csrf: string;
  /** Of the API key. */
  readonly name: string;
  /** What the record calls whoever is logged in. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
  /** Ids of what the key is bound to; null: all. */
  readonly sites: readonly string[] | null;
  readonly cameras: readonly string[] | null;
  readonly watchlists: readonly string[] | null;
  readonly expires_at: string;
}

/** Who is logged in; null: nobody; undefined: it is not known yet. */
export const session = signal<Session | null | undefined>(undefined);

/** Whether the key of the session has a scope. */
export const may = (scope: Scope): boolean =>
  session.value?.scopes.some((given) => given === scope || given === 'administer') ?? false;

const ask = async (method: string, body?: object): Promise<Session | undefined> => {
  const response = await fetch('/session', {
    method,
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(session.value ? { 'x-csrf-token': session.value.csrf } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  }).catch(() => {
    throw new Problem(undefined);
  });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => undefined));
  return response.status === 204 ? undefined : response.json();
};

/** Finds out who is logged in. */
export const resume = async (): Promise<void> => {
  try {
    session.value = (await ask('GET')) ?? null;
  } catch (problem) {
    if ((problem as Problem).status === 401) session.value = null;
    else throw problem;
  }
};

/** How one can log in beside with an API key. */
export const waysToLogIn = async (): Promise<{ readonly oidc: boolean }> => {
  const response = await fetch('/session/ways').catch(() => undefined);
  return response?.ok ? response.json() : { oidc: false };
};

/**
 * Logs in with an API key.
 *
 * @throws {Problem} key_invalid, rate_limited.
 */
export const logIn = async (key: string): Promise<void> => {
  session.value = (await ask('POST', { key })) ?? null;
};

/** Logs out. */
export const logOut = async (): Promise<void> => {
  await ask('DELETE').catch(() => {});
  session.value = null;
};
