import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { atEnd } from './at-end.ts';

/** A certificate that is its own authority, as openssl makes it, and its key. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
  /** SHA-256 in hexadecimal digits, with colons. */
  readonly fingerprint: string;
}

/** @param names what it is for, like DNS:guards.example and IP:127.0.0.1. */
export const makeCertificate = (...names: string[]): Certificate => {
  const folder = mkdtempSync(join(tmpdir(), 'watchpost-tls-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=watchpost', '-addext', `subjectAltName=${names.join(',')}`];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', keyFile, '-out', certFile, ...subject], {
    stdio: 'ignore',
  });
  const cert = readFileSync(certFile, 'utf8');
  const { fingerprint256: fingerprint } = new X509Certificate(cert);
  return { key: readFileSync(keyFile, 'utf8'), cert, keyFile, certFile, fingerprint };
};

/** Makes this process trust a certificate until the test file has ended, as NODE_EXTRA_CA_CERTS does from the start on. */
export const trust = ({ cert }: Pick<Certificate, 'cert'>): void => {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, cert]);
  atEnd(() => setDefaultCACertificates(before));
};
