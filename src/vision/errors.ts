/** The ways in which reading a photo or opening a model can fail. The codes are stable and stored with failed jobs. */
export type VisionErrorCode =
  | 'image_empty'
  | 'image_format_unsupported'
  | 'image_animated'
  | 'image_too_many_pixels'
  | 'image_too_long'
  | 'image_too_narrow'
  | 'image_too_costly'
  | 'image_too_slow'
  | 'image_corrupt'
  | 'model_missing'
  | 'model_hash_mismatch'
  | 'model_unfit';

/**
 * Thrown by everything in `src/vision`. An `image_*` code says that the photo itself is at fault, so a retry fails again.
 * `model_missing` and `model_hash_mismatch` are repaired by `npm run models`, or by the right path for a file of the
 * user's own; `model_unfit` is a file that cannot be used.
 */
export class VisionError extends Error {
  readonly code: VisionErrorCode;

  constructor(code: VisionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VisionError';
    this.code = code;
  }
}
