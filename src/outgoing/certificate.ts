import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/**
 * The options of a connection by TLS to a server that is connected to at an address that was judged: its certificate has to be
 * that of its name, and one for another name or of an authority that Node does not trust is refused.
 *
 * @param host the name, or an address without brackets.
 */
export const certified = (host: string): Certified => ({
  // An address is no name to ask for (RFC 6066).
  servername: isIP(host) ? '' : host,
  checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
});

interface Certified {
  readonly servername: string;
  readonly checkServerIdentity: (asked: string, certificate: PeerCertificate) => Error | undefined;
}

/** By the codes of Node, and by the words of OpenSSL, which are left where a client replaces the code by one of its own. */
const problems: readonly (readonly [RegExp, string])[] = [
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate/,
    'its certificate is for another name: give the name that is in the certificate',
  ],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate (has expired|is not yet valid)/,
    'its certificate is not valid at this time: renew it, or set the clock',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)_|self.signed certificate|unable to (verify the first|get .*issuer) certificate/,
    'its certificate is signed by nobody whom this machine trusts: name the file with the certificate of its authority in NODE_EXTRA_CA_CERTS',
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|wrong version number|packet length too long/,
    'it does not speak TLS at this port',
  ],
];

/**
 * What is wrong with the TLS of a server, and what to do about it, with Node's code, as the end of a sentence; undefined if the
 * error, and what caused it, are about something else.
 */
export const tlsProblemOf = (error: unknown): string | undefined => {
  for (let one = error; one instanceof Error; one = one.cause) {
    const code = 'code' in one ? String(one.code) : '';
    const [, words] = problems.find(([known]) => known.test(code) || known.test(one.message)) ?? [];
    if (words !== undefined)
      return /^(ERR_|CERT_|SELF_|UNABLE_|DEPTH_)/.test(code) ? `${words} (${code})` : words;
  }
  return undefined;
};
