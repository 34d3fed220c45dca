import { readFileSync } from 'node:fs';
import { whyUnusableFile } from './file-errors.ts';

/** How people log in to the console by OpenID Connect. */
export interface OidcSettings {
  /** URL of the provider, under which its /.well-known/openid-configuration is. */
  readonly issuer: string;
  readonly clientId: string;
  /** The secret of this client, and the path of a file that holds it; neither: a public client. */
  readonly clientSecret: string | undefined;
  readonly clientSecretFile: string | undefined;
  /** The claim that says who somebody is in the organisation; with dots it leads into objects, as realm_access.roles. */
  readonly rolesClaim: string;
  /** Which API key each value of that claim stands for; of several that somebody has, the first one here. */
  readonly roles: readonly OidcRole[];
}

/** What somebody with a value of the claim may do: what this API key may. */
interface OidcRole {
  readonly value: string;
  readonly key: string;
}

/** One entry of WATCHPOST_OIDC_ROLES, `value=key name`; undefined if it is none. */
export const parseRole = (entry: string): OidcRole | undefined => {
  const [value = '', ...rest] = entry.split('=');
  const key = rest.join('=').trim().normalize('NFC');
  return value.trim() && key ? { value: value.trim(), key } : undefined;
};

/**
 * The secret of this client; undefined: it has none.
 *
 * @throws {RangeError} with a sentence, if its file cannot be read or is empty.
 */
export const readClientSecret = ({
  clientSecret,
  clientSecretFile: file,
}: OidcSettings): string | undefined => {
  if (file === undefined) return clientSecret;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new RangeError(
      `The client secret in ${file} cannot be read: ${whyUnusableFile(error) ?? String(error)}.`,
    );
  }
  if (text === '') throw new RangeError(`The file ${file} holds no client secret.`);
  return text;
};
