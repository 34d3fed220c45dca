import { describe, expect, it } from 'vitest';
import { decide } from '../../src/watchlist/decision.ts';
import type { Nearest } from '../../src/watchlist/nearest.ts';

/** A good view of a face that looks like Ada at 0.6, who is on two lists. */
const nearest = (changes: Partial<Nearest> = {}): Nearest => ({
  embedding_id: 'embedding',
  face_id: 'face',
  model_id: 'model',
  norm: 10,
  face_gate: [],
  method: 'exact',
  watchlists: ['wanted', 'staff', 'other'],
  person_id: 'ada',
  reference_id: 'reference',
  similarity: 0.6,
  lists: [
    { id: 'wanted', threshold: 0.5 },
    { id: 'staff', threshold: 0.55 },
  ],
  ...changes,
});
const minimalNorm = 2.5;
const found = { person_id: 'ada', reference_id: 'reference', similarity: 0.6 };

describe('decide()', () => {
  it('matches on every list whose threshold is reached', () => {
    expect(decide(nearest(), minimalNorm)).toEqual({
      outcome: 'match',
      gate: [],
      matches: [
        { ...found, watchlist_id: 'wanted', threshold: 0.5 },
        { ...found, watchlist_id: 'staff', threshold: 0.55 },
      ],
    });
  });

  it('leaves out a list whose threshold is not reached', () => {
    const lists = [
      { id: 'wanted', threshold: 0.5 },
      { id: 'staff', threshold: 0.7 },
    ];
    expect(decide(nearest({ lists }), minimalNorm)).toEqual({
      outcome: 'match',
      gate: [],
      matches: [{ ...found, watchlist_id: 'wanted', threshold: 0.5 }],
    });
  });

  it('counts a similarity that equals the threshold', () => {
    const lists = [{ id: 'wanted', threshold: 0.6 }];
    expect(decide(nearest({ lists }), minimalNorm).outcome).toBe('match');
  });

  it('finds nobody where nobody is enrolled', () => {
    const nobody = nearest({ person_id: null, reference_id: null, similarity: null, lists: [] });
    expect(decide(nobody, minimalNorm)).toEqual({ outcome: 'nobody', gate: [], matches: [] });
  });

  it('matches nobody below every threshold', () => {
    expect(decide(nearest({ similarity: 0.49 }), minimalNorm)).toEqual({
      outcome: 'below_threshold',
      gate: [],
      matches: [],
    });
  });

  it('never matches a face that its picture gates, and says why', () => {
    expect(decide(nearest({ face_gate: ['profile', 'small'] }), minimalNorm)).toEqual({
      outcome: 'gated',
      gate: ['profile', 'small'],
      matches: [],
    });
  });

  it('never matches what is hardly a face by its norm', () => {
    expect(decide(nearest({ norm: 2.4 }), minimalNorm)).toMatchObject({
      outcome: 'gated',
      gate: ['low_norm'],
    });
    expect(decide(nearest({ norm: 2.5 }), minimalNorm).outcome).toBe('match');
  });

  it('calls a poor view that looks like nobody below_threshold, and keeps its reasons', () => {
    expect(decide(nearest({ similarity: 0.1, face_gate: ['blurred'], norm: 1 }), minimalNorm)).toEqual({
      outcome: 'below_threshold',
      gate: ['blurred', 'low_norm'],
      matches: [],
    });
  });
});
