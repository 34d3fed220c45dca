import { describe, expect, it } from 'vitest';
import { problems } from '../../src/errors.ts';
import { defaultGate } from '../../src/vision/quality.ts';
import { acceptable, assertFit } from '../../src/watchlist/enrolment.ts';

const limits = { ...defaultGate, norm: 2.3 };
const view = {
  gate: [] as string[],
  height_px: 40.4,
  score: 0.71,
  sharpness: 4.25,
  yaw: -61.6,
  pitch: 50,
  norm: 2.31,
};
const refusalOf = (change: Partial<typeof view> & { gate?: string[] }, accept: string[] = []) => {
  try {
    assertFit({ ...view, ...change }, limits, accept);
    return undefined;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return [code, message];
  }
};

describe('the enrolment gate', () => {
  it('accepts a face without any reason of the gate', () => {
    expect(refusalOf({})).toBeUndefined();
  });

  it.each([
    ['small', 'face_small', 'The face is 40 pixels high, and needs 48.'],
    ['low_score', 'face_low_score', "The detector's score of this face is 0.71, and at least 0.8 is needed."],
    ['blurred', 'face_blurred', 'The face is blurred: its sharpness is 4.3, and at least 10 is needed.'],
    ['profile', 'face_profile', 'The face is in profile: turned by 62 degrees, and at most 40 are allowed.'],
    ['tilted', 'face_tilted', 'The face looks up or down by 50 degrees, and at most 45 are allowed.'],
  ])('gives for %s the code %s, the value and the limit', (reason, code, message) => {
    expect(refusalOf({ gate: [reason] })).toEqual([code, message]);
    expect(refusalOf({ gate: [reason] }, [code])).toBeUndefined();
  });

  it('refuses by the norm what is probably not a face', () => {
    const message =
      'This is probably not a face: its embedding has a norm of 2.29, and at least 2.3 is needed.';
    expect(refusalOf({ norm: 2.29 })).toEqual(['face_low_norm', message]);
    expect(refusalOf({ norm: 2.29 }, ['face_low_norm'])).toBeUndefined();
  });

  it('gives all reasons under the first code, except accepted ones', () => {
    expect(refusalOf({ gate: ['small', 'profile'] })).toEqual([
      'face_small',
      'The face is 40 pixels high, and needs 48. The face is in profile: turned by 62 degrees, and at most 40 are allowed.',
    ]);
    expect(refusalOf({ gate: ['small', 'profile'] }, ['face_small'])?.[0]).toBe('face_profile');
  });

  it('refuses an unknown reason, whatever is accepted', () => {
    expect(refusalOf({ gate: ['masked'] })).toEqual(['face_low_score', 'The face was gated as masked.']);
  });

  it('accepts only codes of the table of errors', () => {
    for (const code of acceptable) expect(problems).toHaveProperty(code);
  });
});
