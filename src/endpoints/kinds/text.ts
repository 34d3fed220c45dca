/** Cuts a text to so many characters, without a half of what was escaped at its end. */
export const cut = (text: string, most: number): string =>
  text.length <= most
    ? text
    : `${text.slice(0, most - 1).replace(/(&[^;\s]{0,9}|\\|[\uD800-\uDBFF])$/, '')}…`;

/** Escapes what HTML and its like give a meaning. */
export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
