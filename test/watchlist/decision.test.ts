import { describe, expect, it } from 'vitest';
import { decide } from '../../src/watchlist/decision.ts';
import type { Candidate, Nearest } from '../../src/watchlist/nearest.ts';

/** A candidate with a similarity of 0.6, on two lists. */
const candidate = (changes: Partial<Candidate> = {}): Candidate => ({
  person_id: 'ada',
  reference_id: 'reference',
  similarity: 0.6,
  reference_similarity: 0.62,
  ruled_out: false,
  lists: [
    { id: 'wanted', threshold: 0.5 },
    { id: 'staff', threshold: 0.55 },
  ],
  ...changes,
});

/** A good view of a face similar to Ada. */
const nearest = (changes: Partial<Nearest> = {}): Nearest => ({
  embedding_id: 'embedding',
  face_id: 'face',
  image_id: 'image',
  track_id: null,
  track_revision: null,
  track_looks: null,
  model_id: 'model',
  norm: 10,
  face_gate: [],
  method: 'exact',
  watchlists: ['other', 'staff', 'wanted'],
  watchlist_versions: [1, 4, 2],
  candidates: [candidate()],
  ...changes,
});
const minimalNorm = 2.5;
const of = (...candidates: Candidate[]) => decide(nearest({ candidates }), minimalNorm);

describe('decide()', () => {
  it('matches on every list whose threshold is reached', () => {
    expect(of(candidate())).toEqual({
      outcome: 'match',
      gate: [],
      nearest: candidate(),
      matches: [
        { watchlist_id: 'wanted', threshold: 0.5 },
        { watchlist_id: 'staff', threshold: 0.55 },
      ],
    });
  });

  it('leaves out a list whose threshold is not reached', () => {
    const lists = [
      { id: 'wanted', threshold: 0.5 },
      { id: 'staff', threshold: 0.7 },
    ];
    expect(of(candidate({ lists }))).toMatchObject({
      outcome: 'match',
      matches: [{ watchlist_id: 'wanted', threshold: 0.5 }],
    });
  });

  it('counts a similarity that equals the threshold', () => {
    expect(of(candidate({ lists: [{ id: 'wanted', threshold: 0.6 }] })).outcome).toBe('match');
  });

  it('uses the similarity over all photos, not that of one', () => {
    const lists = [{ id: 'wanted', threshold: 0.61 }];
    expect(of(candidate({ lists })).outcome).toBe('below_threshold');
  });

  it('finds nobody if nobody is enrolled', () => {
    expect(of()).toEqual({ outcome: 'nobody', gate: [], nearest: null, matches: [] });
  });

  it('matches nobody below every threshold, and returns the nearest', () => {
    const far = candidate({ similarity: 0.49 });
    expect(of(far)).toEqual({ outcome: 'below_threshold', gate: [], nearest: far, matches: [] });
  });

  it('never matches the second nearest because their list has a lower threshold', () => {
    const bea = candidate({ person_id: 'bea', similarity: 0.45, lists: [{ id: 'other', threshold: 0.4 }] });
    expect(of(candidate({ similarity: 0.49 }), bea)).toMatchObject({
      outcome: 'below_threshold',
      nearest: { person_id: 'ada' },
      matches: [],
    });
  });

  it('matches the next one if the nearest is ruled out', () => {
    const bea = candidate({ person_id: 'bea', similarity: 0.56 });
    expect(of(candidate({ ruled_out: true }), bea)).toMatchObject({
      outcome: 'match',
      nearest: { person_id: 'bea' },
      matches: [{ watchlist_id: 'wanted' }, { watchlist_id: 'staff' }],
    });
  });

  it('returns cannot_link with the person if there is nobody else', () => {
    const bea = candidate({ person_id: 'bea', similarity: 0.3 });
    const ruledOut = candidate({ ruled_out: true });
    expect(of(ruledOut, bea)).toEqual({ outcome: 'cannot_link', gate: [], nearest: ruledOut, matches: [] });
    expect(of(ruledOut)).toMatchObject({ outcome: 'cannot_link' });
  });

  it('never matches a gated face, and returns the reasons', () => {
    expect(decide(nearest({ face_gate: ['profile', 'small'] }), minimalNorm)).toMatchObject({
      outcome: 'gated',
      gate: ['profile', 'small'],
      matches: [],
    });
  });

  it('never matches a face with a norm that is too low', () => {
    expect(decide(nearest({ norm: 2.4 }), minimalNorm)).toMatchObject({
      outcome: 'gated',
      gate: ['low_norm'],
    });
    expect(decide(nearest({ norm: 2.5 }), minimalNorm).outcome).toBe('match');
  });

  it('returns below_threshold with the reasons for a poor view that is like nobody', () => {
    const candidates = [candidate({ similarity: 0.1 })];
    expect(decide(nearest({ candidates, face_gate: ['blurred'], norm: 1 }), minimalNorm)).toMatchObject({
      outcome: 'below_threshold',
      gate: ['blurred', 'low_norm'],
      matches: [],
    });
  });
});
