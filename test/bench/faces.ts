/**
 * Vectors like those of the embedder, the same in every run.
 *
 * Measured on its vectors of 416 usable faces of 49 people: the cosine of two people is 0.054 on average with a standard
 * deviation of 0.107, 0.237 at the 95th percentile and 0.389 at the 99.9th. Numbers that are independent would give a
 * deviation of 0.044: real vectors lie in far fewer directions. A spectrum that falls as the power -0.79 of the rank, in
 * the 512 directions, gives the deviation that was measured, and a part that all have in common the average.
 * What comes out: 0.033 on average, a deviation of 0.118, 0.236 at the 95th percentile and 0.425 at the 99.9th.
 * Photos of one person are 0.55 to 0.8 alike, from person to person, as taken on different days (those of one sitting,
 * which most of the 416 are, are 0.86 alike).
 */
export const dimension = 512;
const common = Math.sqrt(0.054);
const spectrum = Float64Array.from({ length: dimension }, (_, rank) => (rank + 1) ** (-0.79 / 2));

/** The vector of one photo of one person, unit length; person and photo are whole numbers from 0. */
export const photoOf = (person: number, photo: number): Float64Array => {
  const { centre, alike } = looksOf(person);
  const noise = direction(1 + mix(person * 1021 + photo, 0x2545f491));
  const vector = new Float64Array(dimension);
  for (let i = 0; i < dimension; i++)
    vector[i] = centre[i]! * Math.sqrt(alike) + noise[i]! * Math.sqrt(1 - alike);
  return unit(vector);
};

let latest: { person: number; centre: Float64Array; alike: number } | undefined;

/** What all photos of a person have in common. The latest is kept: photos are asked for person by person. */
const looksOf = (person: number): { centre: Float64Array; alike: number } => {
  if (latest?.person === person) return latest;
  const centre = direction(mix(person, 0x9e3779b9));
  for (let i = 0; i < dimension; i++) centre[i] = centre[i]! * Math.sqrt(1 - common ** 2);
  centre[0] = centre[0]! + common;
  latest = { person, centre: unit(centre), alike: 0.55 + (0.25 * (mix(person, 0x51ed270b) >>> 0)) / 2 ** 32 };
  return latest;
};

/** A unit vector at random, by the spectrum. */
const direction = (seed: number): Float64Array => {
  const vector = new Float64Array(dimension);
  let state = seed | 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    return (mix(state, 0) >>> 0) / 2 ** 32;
  };
  // Box and Muller: two normal numbers from two uniform ones.
  for (let i = 0; i < dimension; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    vector[i] = spectrum[i]! * radius * Math.cos(angle);
    vector[i + 1] = spectrum[i + 1]! * radius * Math.sin(angle);
  }
  return unit(vector);
};

/** 32 bits from 32 bits (the finaliser of MurmurHash3). */
const mix = (value: number, seed: number): number => {
  let mixed = value ^ seed;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
};

const unit = (vector: Float64Array): Float64Array => {
  let length = 0;
  for (const x of vector) length += x * x;
  length = Math.sqrt(length);
  for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! / length;
  return vector;
};
