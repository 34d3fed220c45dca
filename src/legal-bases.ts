/**
 * What can allow the processing of a person's biometric data, and where the law says so. The same words are in the SQL
 * function watchpost.is_basis. This file imports nothing, so that every layer can import it.
 */
export const legalBases = {
  consent: 'GDPR Art. 6(1)(a); the written release of BIPA § 15(b)',
  explicit_consent: 'GDPR Art. 9(2)(a)',
  contract: 'GDPR Art. 6(1)(b)',
  legal_obligation: 'GDPR Art. 6(1)(c)',
  vital_interest: 'GDPR Art. 6(1)(d), 9(2)(c)',
  public_task: 'GDPR Art. 6(1)(e)',
  legitimate_interest: 'GDPR Art. 6(1)(f)',
  substantial_public_interest: 'GDPR Art. 9(2)(g)',
  law_enforcement: 'Directive (EU) 2016/680 Art. 8 and 10',
  unspecified: 'nobody has said yet',
} as const;

/** The name of a legal basis. */
export type LegalBasis = keyof typeof legalBases;

/** Their names, in the order of the law. */
export const legalBasisNames = Object.keys(legalBases) as LegalBasis[];
