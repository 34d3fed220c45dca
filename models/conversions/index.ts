import { ageGenderToOnnx } from './age-gender.ts';

const conversions = { 'face-api-age-gender': ageGenderToOnnx };

/** How files that are no ONNX graph become one, as the manifest names it. */
export type Conversion = keyof typeof conversions;

/** One ONNX file from the files of a model, in the manifest's order; without a conversion the only file is one. */
export const toOnnx = (files: readonly Uint8Array[], conversion: Conversion | undefined): Uint8Array => {
  const [first, second] = files;
  return conversion ? conversions[conversion](first!, second!) : first!;
};
