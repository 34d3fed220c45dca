import { legalBasisNames } from './legal-bases.ts';
import { limits } from './limits.ts';

/** The error codes in the table of limits. */
type LimitCode = Exclude<(typeof limits)[keyof typeof limits]['code'], `none: ${string}`>;

/** The codes of other rules of the tables. */
type RuleCode = LimitCode | 'legal_basis_invalid' | 'purpose_missing';

/**
 * The test functions that the CHECK constraints of the tables call: the error code of each, and the rule as a
 * sentence for the API.
 */
const tests: Record<string, { readonly code: RuleCode; readonly rule: string }> = {
  is_name: {
    code: limits.nameCharacters.code,
    rule: `give 1 to ${limits.nameCharacters.max} characters on one line, without white space at the ends`,
  },
  is_token: {
    code: limits.tokenCharacters.code,
    rule: `give 1 to ${limits.tokenCharacters.max} characters without control characters`,
  },
  is_text: { code: limits.textCharacters.code, rule: `give ${limits.textCharacters.max} characters at most` },
  is_url: {
    code: limits.urlCharacters.code,
    rule: `give a URL of 1 to ${limits.urlCharacters.max} characters`,
  },
  is_time: { code: limits.times.code, rule: `give a time from ${limits.times.min} to ${limits.times.max}` },
  is_interval: {
    code: limits.intervalSeconds.code,
    rule: `give ${limits.intervalSeconds.min} to ${limits.intervalSeconds.max} seconds`,
  },
  is_basis: { code: 'legal_basis_invalid', rule: `give one of ${legalBasisNames.join(', ')}` },
  is_given: { code: 'purpose_missing', rule: 'say in a few words what it is for' },
  is_limit: {
    code: limits.keyLimits.code,
    rule: `give a whole number from ${limits.keyLimits.min} to ${limits.keyLimits.max}`,
  },
  is_template: {
    code: limits.templateCharacters.code,
    rule: `give 1 to ${limits.templateCharacters.max} characters of Mustache that name what docs/alerts-out.md lists, without {{{, {{&, {{> and {{=`,
  },
  is_metadata: {
    code: limits.metadataBytes.code,
    rule: `give an object of ${limits.metadataBytes.max} bytes and ${limits.metadataDepth.max} levels at most`,
  },
};

/**
 * The error code and the message for a violated CHECK constraint.
 *
 * @param table without its schema.
 * @param constraint its name, made of the table, the column and the test: person_name_is_name.
 * @returns undefined for a constraint whose name has another form.
 */
export const violationOf = (
  table: string,
  constraint: string,
): { code: RuleCode; sentence: string } | undefined => {
  const [, column, name] = /^(.+)_(is_[a-z]+)$/.exec(constraint.slice(table.length + 1)) ?? [];
  const test = tests[name ?? ''];
  return test && { code: test.code, sentence: `${column}: ${test.rule}.` };
};
