import type { AddCommand } from './program/session.ts';

/** One file of commands: the first words of its commands, and how to load it. */
interface Entry {
  readonly names: readonly string[];
  readonly load: () => Promise<AddCommand>;
  /** Whether it needs all other commands. */
  readonly ofAll?: boolean;
}

/** Every command, in the order of the help. A new one is a file and a line here. */
export const commands: readonly Entry[] = [
  { names: ['up'], load: async () => (await import('./up.ts')).upCommand },
  { names: ['work'], load: async () => (await import('./work.ts')).workCommand },
  { names: ['migrate'], load: async () => (await import('./migrate.ts')).migrateCommand },
  { names: ['move'], load: async () => (await import('./move.ts')).moveCommand },
  { names: ['demo'], load: async () => (await import('./demo/demo.ts')).demoCommand },
  { names: ['status'], load: async () => (await import('./status.ts')).statusCommand },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).doctorCommand },
  { names: ['submit'], load: async () => (await import('./submit.ts')).submitCommand },
  { names: ['search'], load: async () => (await import('./search.ts')).searchCommand },
  { names: ['compare'], load: async () => (await import('./search.ts')).compareCommand },
  { names: ['detect'], load: async () => (await import('./search.ts')).detectCommand },
  { names: ['site'], load: async () => (await import('./site.ts')).siteCommand },
  { names: ['camera'], load: async () => (await import('./camera.ts')).cameraCommand },
  { names: ['plan'], load: async () => (await import('./plan.ts')).planCommand },
  { names: ['image'], load: async () => (await import('./image.ts')).imageCommand },
  { names: ['person'], load: async () => (await import('./person.ts')).personCommand },
  { names: ['watchlist'], load: async () => (await import('./watchlist.ts')).watchlistCommand },
  { names: ['import'], load: async () => (await import('./import.ts')).importCommand },
  { names: ['export'], load: async () => (await import('./export.ts')).exportCommand },
  { names: ['alert'], load: async () => (await import('./alert.ts')).alertCommand },
  { names: ['track'], load: async () => (await import('./track.ts')).trackCommand },
  { names: ['key'], load: async () => (await import('./key.ts')).keyCommand },
  { names: ['endpoint'], load: async () => (await import('./endpoint.ts')).endpointCommand },
  { names: ['bridge'], load: async () => (await import('./bridge.ts')).bridgeCommand },
  { names: ['calibrate'], load: async () => (await import('./calibrate/calibrate.ts')).calibrateCommand },
  { names: ['evaluate'], load: async () => (await import('./evaluate/evaluate.ts')).evaluateCommand },
  { names: ['sql'], load: async () => (await import('./sql.ts')).sqlCommand },
  { names: ['tail'], load: async () => (await import('./tail.ts')).tailCommand },
  { names: ['watch'], load: async () => (await import('./watch.ts')).watchCommand },
  { names: ['replay'], load: async () => (await import('./replay.ts')).replayCommand },
  { names: ['pause', 'resume'], load: async () => (await import('./pause.ts')).pauseCommands },
  { names: ['retention'], load: async () => (await import('./retention.ts')).retentionCommand },
  { names: ['access'], load: async () => (await import('./access.ts')).accessCommand },
  { names: ['erase'], load: async () => (await import('./erase.ts')).eraseCommand },
  { names: ['encryption'], load: async () => (await import('./encryption.ts')).encryptionCommand },
  { names: ['verify'], load: async () => (await import('./verify.ts')).verifyCommand },
  {
    names: ['stranger-rule'],
    load: async () => (await import('./stranger-rule.ts')).strangerRuleCommand,
  },
  { names: ['strangers'], load: async () => (await import('./strangers.ts')).strangersCommand },
  { names: ['describe'], load: async () => (await import('./describe.ts')).describeCommand },
  {
    names: ['completion', 'complete'],
    ofAll: true,
    load: async () => (await import('./completion.ts')).completionCommands,
  },
];
