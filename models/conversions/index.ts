import { ageGenderToOnnx } from './age-gender.ts';

const conversions = { 'face-api-age-gender': ageGenderToOnnx };

/** A conversion to ONNX, by its name in the manifest. */
export type Conversion = keyof typeof conversions;

/**
 * Converts the files of a model, in the manifest's order, to one ONNX file; without a conversion the only file is
 * one.
 */
export const toOnnx = (files: readonly Uint8Array[], conversion: Conversion | undefined): Uint8Array => {
  const [first, second] = files;
  return conversion ? conversions[conversion](first!, second!) : first!;
};
