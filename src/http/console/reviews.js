/**
 * The reviews of an alert: verb of the API, key, words on the button. Those with a `question` are asked about first, in a
 * dialog that says what follows.
 */

const acknowledge = { verb: 'acknowledge', key: 'a', label: 'Acknowledge', done: 'Acknowledged' };

const confirm = {
  verb: 'confirm',
  key: 'c',
  label: 'Confirm: it is them',
  question: ({ person }) => `Is this ${person}?`,
  follows: ({ reviewers_needed, confirmed_by }) => {
    if (reviewers_needed === 1) return 'The alert is confirmed in your name.';
    return confirmed_by
      ? `You are the second reviewer, after ${confirmed_by}: the alert is confirmed.`
      : 'This list asks for two reviewers: the alert then waits for somebody else to confirm it too.';
  },
  go: 'Confirm',
  done: 'Confirmed',
};

const notThem = {
  verb: 'dismiss',
  key: 'n',
  label: 'Not them',
  body: { dismissal: 'not_them' },
  question: ({ person }) => `Not ${person}?`,
  follows: ({ person, sightings }) =>
    sightings === 1
      ? `The sighting is withdrawn. This face, and faces like it, are never matched with ${person} again. Undo brings it back.`
      : `All ${sightings} sightings are withdrawn. Their faces, and faces like them, are never matched with ${person} again. Undo brings them back.`,
  go: 'Not them',
  done: 'Dismissed as not them',
};

const dismiss = {
  verb: 'dismiss',
  key: 'd',
  label: 'Dismiss',
  question: ({ person }) => `Dismiss the alert of ${person}?`,
  follows: () => 'The sightings stay. Later ones of the same episode are added, without another alert.',
  reasons: [
    ['resolved', 'Resolved: it is them, and nothing is left to do'],
    ['false_alarm', 'False alarm'],
    ['other', 'Another reason, said in the note'],
  ],
  go: 'Dismiss',
  done: 'Dismissed',
};

const reopen = {
  verb: 'reopen',
  key: 'o',
  label: 'Reopen',
  question: ({ person }) => `Reopen the alert of ${person}?`,
  follows: ({ dismissal, person }) =>
    dismissal === 'not_them'
      ? `It waits for a review again; its faces may match ${person} again, and its sightings come back.`
      : 'It waits for a review again.',
  go: 'Reopen',
  done: 'Reopened',
};

const allowed = {
  open: [acknowledge, confirm, notThem, dismiss],
  acknowledged: [confirm, notThem, dismiss],
  confirmed: [reopen],
  dismissed: [reopen],
};

/** The reviews that an alert allows in its state. */
export const reviewsOf = ({ state }) => allowed[state] ?? [];

const dismissals = {
  not_them: 'not them',
  false_alarm: 'false alarm',
  resolved: 'resolved',
  other: 'another reason',
};

/** A review of the record in words. */
export const inWords = ({ decision, dismissal }) =>
  dismissal ? `${decision}: ${dismissals[dismissal] ?? dismissal}` : decision;
