import type { AnswerOf, api } from '../../api/client.ts';

/** An alert with its matches, reviews, notifications and lineage. */
export type AlertReport = AnswerOf<Awaited<ReturnType<(typeof api.alerts)[':id']['$get']>>>;

/** Why an alert is dismissed. */
export type Dismissal = 'not_them' | 'false_alarm' | 'resolved' | 'other';

/** What a reviewer may do with an alert. */
export interface Review {
  readonly verb: 'acknowledge' | 'confirm' | 'dismiss' | 'reopen';
  /** The key that does it. */
  readonly key: string;
  readonly label: string;
  /** What it does, for the list of keys. */
  readonly does: string;
  /** What is said when it was done. */
  readonly done: string;
  readonly tone?: 'primary' | 'danger';
  /** Asked first, in a dialog; without it the review is made at once. */
  readonly ask?: {
    readonly title: (alert: AlertReport) => string;
    /** What follows. */
    readonly follows: (alert: AlertReport) => string;
    readonly go: string;
    /** Reasons to choose from. */
    readonly reasons?: readonly (readonly [Dismissal, string])[];
  };
  /** The reason that it has by itself. */
  readonly dismissal?: Dismissal;
}

const acknowledge: Review = {
  verb: 'acknowledge',
  key: 'a',
  label: 'Acknowledge',
  does: 'acknowledge: you are dealing with it',
  done: 'Acknowledged',
};

const confirm: Review = {
  verb: 'confirm',
  key: 'c',
  label: 'It is them',
  does: 'confirm that it is them',
  done: 'Confirmed',
  tone: 'primary',
  ask: {
    title: ({ person }) => `Is this ${person}?`,
    follows: ({ reviewers_needed, confirmed_by }) => {
      if (reviewers_needed === 1) return 'The alert is confirmed in your name.';
      return confirmed_by
        ? `You are the second reviewer, after ${confirmed_by}: the alert is confirmed.`
        : 'This list asks for two reviewers: the alert then waits for somebody else to confirm it too.';
    },
    go: 'Confirm',
  },
};

const notThem: Review = {
  verb: 'dismiss',
  key: 'n',
  label: 'Not them',
  does: 'it is not them',
  done: 'Dismissed as not them',
  dismissal: 'not_them',
  ask: {
    title: ({ person }) => `Not ${person}?`,
    follows: ({ person, sightings }) =>
      sightings === 1
        ? `The sighting is withdrawn. This face, and faces like it, are never matched with ${person} again. Undo brings it back.`
        : `All ${sightings} sightings are withdrawn. Their faces, and faces like them, are never matched with ${person} again. Undo brings them back.`,
    go: 'Not them',
  },
};

const dismiss: Review = {
  verb: 'dismiss',
  key: 'd',
  label: 'Dismiss',
  does: 'dismiss, with a reason',
  done: 'Dismissed',
  ask: {
    title: ({ person }) => `Dismiss the alert of ${person}?`,
    follows: () => 'The sightings stay. Later ones of the same episode are added, without another alert.',
    reasons: [
      ['resolved', 'Resolved: it is them, and nothing is left to do'],
      ['false_alarm', 'False alarm'],
      ['other', 'Another reason, said in the note'],
    ],
    go: 'Dismiss',
  },
};

const reopen: Review = {
  verb: 'reopen',
  key: 'o',
  label: 'Reopen',
  does: 'reopen',
  done: 'Reopened',
  ask: {
    title: ({ person }) => `Reopen the alert of ${person}?`,
    follows: ({ dismissal, person }) =>
      dismissal === 'not_them'
        ? `It waits for a review again; its faces may match ${person} again, and its sightings come back.`
        : 'It waits for a review again.',
    go: 'Reopen',
  },
};

const allowed: Record<string, readonly Review[]> = {
  open: [confirm, notThem, acknowledge, dismiss],
  acknowledged: [confirm, notThem, dismiss],
  confirmed: [reopen],
  dismissed: [reopen],
};

/** The reviews that an alert allows in its state. */
export const reviewsOf = ({ state }: AlertReport): readonly Review[] => allowed[state] ?? [];

const dismissals: Record<string, string> = {
  not_them: 'not them',
  false_alarm: 'false alarm',
  resolved: 'resolved',
  other: 'another reason',
};

/** A review of the record in words. */
export const inWords = ({ decision, dismissal }: AlertReport['reviews'][number]): string =>
  dismissal ? `${decision}: ${dismissals[dismissal]}` : decision;

/** What an alert's best sighting was made of. */
export const bestOf = (alert: AlertReport) => alert.lineage.find((row) => row.best) ?? alert.lineage[0];
