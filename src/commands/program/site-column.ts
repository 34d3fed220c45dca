/** The column of the site, in a table whose rows are of several: who has one site need not know of it. */
export const siteIfSeveral = (rows: readonly { readonly site: string }[], site: string): { site?: string } =>
  rows.some((row) => row.site !== rows[0]?.site) ? { site } : {};
