/** Path of the picture of a face. */
export const cropPath = (faceId: string): string => `/v1/faces/${faceId}/crop`;
