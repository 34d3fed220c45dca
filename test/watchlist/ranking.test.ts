import { describe, expect, it } from 'vitest';
import { rank, type Searched, type Standing } from '../../src/watchlist/ranking.ts';

/** A face of a photo that is recognised as somebody. */
const searched = (face: string, similarity: number, changes: { image?: string; person?: string } = {}) =>
  ({
    nearest: { face_id: face, image_id: changes.image ?? 'photo' },
    decision: {
      outcome: 'match',
      gate: [],
      nearest: { person_id: changes.person ?? 'ada', similarity },
      matches: [{ watchlist_id: 'wanted', threshold: 0.4 }],
    },
  }) as unknown as Searched;

const standing = (face: string, similarity: number): Standing => ({
  match_id: `match of ${face}`,
  image_id: 'photo',
  face_id: face,
  person_id: 'ada',
  similarity,
});

const outcomes = (found: Searched[], stands: Standing[] = []) => {
  const { searched, beaten } = rank(found, stands);
  return {
    outcomes: searched.map(({ decision }) => `${decision.outcome} ${decision.matches.length}`),
    beaten,
  };
};
const [wins, loses] = ['match 1', 'outranked 0'];

describe('rank()', () => {
  it('keeps the more similar of two faces of one photo, in either order', () => {
    expect(outcomes([searched('a', 0.5), searched('b', 0.6)])).toEqual({
      outcomes: [loses, wins],
      beaten: [],
    });
    expect(outcomes([searched('b', 0.6), searched('a', 0.5)])).toEqual({
      outcomes: [wins, loses],
      beaten: [],
    });
  });

  it('does not rank different people or different photos against each other', () => {
    const found = [
      searched('a', 0.5),
      searched('b', 0.6, { person: 'bea' }),
      searched('c', 0.7, { image: 'another' }),
    ];
    expect(outcomes(found)).toEqual({ outcomes: [wins, wins, wins], beaten: [] });
  });

  it('is outranked by a better standing match, and outranks a worse one on every list', () => {
    expect(outcomes([searched('a', 0.5)], [standing('b', 0.6)])).toEqual({ outcomes: [loses], beaten: [] });
    const onTwoLists = [standing('b', 0.4), { ...standing('b', 0.4), match_id: 'the other list' }];
    expect(outcomes([searched('a', 0.5)], onTwoLists)).toEqual({
      outcomes: [wins],
      beaten: ['match of b', 'the other list'],
    });
  });

  it('decides between equal ones by the id, whatever the order of arrival', () => {
    expect(outcomes([searched('a', 0.5)], [standing('b', 0.5)])).toEqual({
      outcomes: [wins],
      beaten: ['match of b'],
    });
    expect(outcomes([searched('b', 0.5)], [standing('a', 0.5)])).toEqual({ outcomes: [loses], beaten: [] });
  });

  it('ignores standing matches of the faces that are searched again', () => {
    expect(outcomes([searched('a', 0.5)], [standing('a', 0.9)])).toEqual({ outcomes: [wins], beaten: [] });
  });

  it('lets a face that is not recognised outrank nobody', () => {
    const gated = searched('b', 0.9);
    const found = [
      searched('a', 0.5),
      { ...gated, decision: { ...gated.decision, outcome: 'gated' as const, matches: [] } },
    ];
    expect(outcomes(found)).toEqual({ outcomes: [wins, 'gated 0'], beaten: [] });
  });
});
