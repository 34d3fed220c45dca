/** The pages in the order in which they are read. test/operations/docs.test.ts checks that each is there. */
export const pages: readonly { readonly text: string; readonly items: readonly string[] }[] = [
  { text: 'Begin', items: ['start', 'console', 'command-line', 'http', 'sql', 'settings'] },
  {
    text: 'Use',
    items: [
      'watchlists',
      'alerts-out',
      'thresholds',
      'photos',
      'cameras',
      'streams',
      'tracks',
      'bridges',
      'migrate',
    ],
  },
  {
    text: 'Operate',
    items: [
      'operations',
      'monitoring',
      'metrics',
      'connecting',
      'backup',
      'failures',
      'performance',
      'limits',
      'known-limits',
    ],
  },
  {
    text: 'Who may do what',
    items: ['keys', 'roles', 'sites', 'privacy', 'erasure', 'encryption', 'outgoing'],
  },
  { text: 'Understand', items: ['how-it-works', 'guarantees', 'audit', 'evidence', 'models'] },
];
