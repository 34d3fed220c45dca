/** Every way reading a photo or opening a model can fail; the codes are stable and stored with failed work. */
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
 * Thrown by everything in `src/vision`. The `image_*` codes are permanent: the same bytes fail again, so a
 * task that meets one must not retry. `model_missing` and `model_hash_mismatch` are repaired by `npm run models`, or by
 * naming the right file where it is one of the user's own; `model_unfit` is a file that cannot be used.
 */
export class VisionError extends Error {
  readonly code: VisionErrorCode;

  constructor(code: VisionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VisionError';
    this.code = code;
  }

  /** True when the fault lies in the photo's own bytes. */
  get isImageFault(): boolean {
    return this.code.startsWith('image_');
  }
}
